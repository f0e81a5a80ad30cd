"""TaskJobs whose workers' pods cannot run: images, crashes, a quota, a refused spec."""

from __future__ import annotations

from typing import Any

import pytest
from control_plane import ControlPlane
from live_operator import eventually

WORKER = {"image": "shop/resize:2"}
STRATEGIC = "application/strategic-merge-patch+json"


def create_job(queues: Any, name: str, queue: str) -> None:
    body = {
        "apiVersion": "taskjob.dev/v1alpha1",
        "kind": "TaskJob",
        "metadata": {"name": name},
        "spec": {"queue": queue, "task": "resize"},
    }
    queues.plane.call("POST", queues.collection.replace("taskqueues", "taskjobs") + "?fieldValidation=Strict", body)


def job(queues: Any, name: str) -> dict[str, Any]:
    path = queues.collection.replace("taskqueues", "taskjobs")
    return dict(queues.plane.call("GET", f"{path}/{name}").get("status") or {})


def until_reason(queues: Any, name: str, reason: str) -> dict[str, Any]:
    eventually(lambda: job(queues, name).get("reason") == reason, f"{name} {reason}: {job(queues, name)}", 60)
    return job(queues, name)


def cannot_run(queues: Any, plane: ControlPlane, reason: str, message: str) -> None:
    """What a kubelet says of such a pod; here there are no nodes."""
    pods = f"/api/v1/namespaces/{queues.namespace}/pods"
    [pod] = eventually(lambda: plane.call("GET", pods)["items"], "the worker's pod", 60)
    container = {
        "name": pod["spec"]["containers"][0]["name"],
        "image": WORKER["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }
    status = {"status": {"phase": "Pending", "containerStatuses": [container]}}
    plane.call("PATCH", f"{pods}/{pod['metadata']['name']}/status", status, STRATEGIC)


@pytest.mark.parametrize(
    ("reason", "message", "said"),
    [
        ("ImagePullBackOff", "Back-off pulling image", "shop/resize:2: Back-off pulling image"),
        ("CrashLoopBackOff", "back-off 10s restarting failed container", "back-off 10s restarting"),
    ],
)
def test_what_keeps_its_pods_from_running_becomes_the_reason_of_the_jobs(
    queues: Any, plane: ControlPlane, reason: str, message: str, said: str
) -> None:
    queues.create("images", worker=WORKER)
    create_job(queues, "early", "images")
    until_reason(queues, "early", "Queued")

    cannot_run(queues, plane, reason, message)

    assert f"no worker of queue images can start: {said}" in until_reason(queues, "early", reason)["message"]
    create_job(queues, "late", "images")
    assert "Queued" == until_reason(queues, "late", reason)["phase"]


def test_a_spec_that_is_refused_becomes_the_reason_of_the_jobs(queues: Any) -> None:
    queues.create("images", worker=WORKER, circuitBreaker={"failurePercent": 50})
    create_job(queues, "sum", "images")

    assert "circuitBreaker" in until_reason(queues, "sum", "NotYetSupported")["message"]


def test_a_quota_becomes_the_reason_of_the_jobs(queues: Any) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    queues.plane.call("POST", f"/api/v1/namespaces/{queues.namespace}/resourcequotas", quota)
    eventually(lambda: queues.object("v1 resourcequotas/none").get("status", {}).get("hard"), "the quota counts")
    queues.create("images", worker=WORKER)
    create_job(queues, "sum", "images")

    status = until_reason(queues, "sum", "QuotaExceeded")

    assert "exceeded quota: none" in status["message"]
