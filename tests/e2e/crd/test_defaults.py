"""What stands in an object before any operator has seen it, and what the server can select and own."""

from __future__ import annotations

import json

import pytest
from kube_cluster import Cluster
from kube_objects import Objects


def test_a_job_is_submitted_at_the_first_look(jobs: Objects) -> None:
    name = jobs.create({"task": "media.resize"})["metadata"]["name"]

    seen = jobs.get(name)

    assert {"queue": "default", "task": "media.resize"} == seen["spec"]
    assert {
        "phase": "Submitted",
        "reason": "NotYetSeen",
        "run": 0,
        "revision": 0,
        "conditions": [
            {"type": "Reconciling", "status": "True", "reason": "NotYetSeen", "message": "waiting for the operator"}
        ],
    } == seen["status"]


def test_a_status_that_came_with_a_manifest_counts_for_nothing(cluster: Cluster, jobs: Objects, namespace: str) -> None:
    """A TaskJob that was saved and applied again does not begin as completed."""
    saved = {
        "apiVersion": jobs.api_version,
        "kind": "TaskJob",
        "metadata": {"name": "saved"},
        "spec": {"task": "a"},
        "status": {"phase": "Completed", "run": 3},
    }

    cluster.kubectl("create", "-n", namespace, "-f", "-", text=json.dumps(saved))

    assert ("Submitted", 0) == (jobs.get("saved")["status"]["phase"], jobs.get("saved")["status"]["run"])


def test_a_queue_has_a_scale_at_the_first_look(queues: Objects) -> None:
    name = queues.create({})["metadata"]["name"]

    seen = queues.get(name)

    assert {"replicas": 1, "autoscaling": {"mode": "Manual"}} == seen["spec"]
    assert ("Pending", 0) == (seen["status"]["state"], seen["status"]["replicas"])
    assert ["Reconciling"] == [one["type"] for one in seen["status"]["conditions"]]
    assert {"replicas": 1} == queues.scale(name)["spec"]


def test_a_queue_can_be_scaled(cluster: Cluster, queues: Objects, group: str, namespace: str) -> None:
    name = queues.create({"worker": {"image": "a"}})["metadata"]["name"]

    cluster.kubectl("scale", f"trialqueues.{group}/{name}", "-n", namespace, "--replicas=5")

    assert 5 == queues.get(name)["spec"]["replicas"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("spec.queue=picked", ["pick-a", "pick-b"]),
        ("spec.task=pick.this", ["pick-b", "pick-c"]),
        ("spec.queue=picked,status.phase=Running", ["pick-a"]),
        ("spec.queue=picked,status.phase=Submitted", ["pick-b"]),
    ],
)
def test_the_server_selects_by_queue_task_and_phase(
    jobs: Objects, three_jobs: None, selector: str, expected: list[str]
) -> None:
    assert expected == jobs.select(selector)


@pytest.fixture(scope="module")
def three_jobs(jobs: Objects) -> None:
    running = jobs.create({"task": "pick.other", "queue": "picked"}, "pick-a")
    jobs.create({"task": "pick.this", "queue": "picked"}, "pick-b")
    jobs.create({"task": "pick.this"}, "pick-c")
    jobs.write_status(running, {"phase": "Running", "run": 0, "revision": 1})


def test_a_generated_name_is_a_name(jobs: Objects) -> None:
    assert jobs.create({"task": "a"}, generateName="resize-")["metadata"]["name"].startswith("resize-")


def test_a_large_payload_has_one_owner(jobs: Objects) -> None:
    """Field managers own it whole: their book-keeping does not grow with it."""
    payload = {f"key{n}": {"text": "x" * 40, "list": [n]} for n in range(200)}

    job = jobs.create({"task": "a", "payload": payload})

    assert payload == job["spec"]["payload"]
    assert len(json.dumps(job["metadata"]["managedFields"])) < 1000
