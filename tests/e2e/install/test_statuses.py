"""What a person sees of jobs in every state: golden files, to be read as a user reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helm_release import Release
from shown_text import columns, same_as, steady

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
PHASES = {
    "completed": "Completed",
    "retrying": "RetryQueued",
    "dead": "DeadLetter",
    "delayed": "Submitted",
    "rejected": "Rejected",
    "unserved": "Queued",
    "homeless": "Queued",
}
QUEUES = ("shown", "alone")


@pytest.fixture(scope="module")
def shown(release: Release, images: tuple[str, str]) -> Release:
    """Seven jobs, each in its state."""
    tasks = {"shown_tasks.py": (HERE / "shown_tasks.py").read_text()}
    volume = {"name": "tasks", "configMap": {"name": "shown-tasks"}}
    worker = {
        "image": images[0],
        "modules": ["/tasks/shown_tasks.py"],
        "resources": {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": "256Mi"}},
        "template": {"volumes": [volume], "volumeMounts": [{"name": "tasks", "mountPath": "/tasks"}]},
    }
    release.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shown-tasks"}, "data": tasks},
        _document("TaskQueue", "shown", replicas=1, worker=worker),
        _document("TaskQueue", "alone"),
        _job("completed", payload={"a": 20, "b": 22}),
        _job("retrying", task="refuse", payload={"text": "no disk"}, retry=_retry(3, 3600)),
        _job("dead", task="refuse", payload={"text": "no disk"}, retry=_retry(2, 0)),
        _job("delayed", payload={"a": 1, "b": 1}, startAfter="2030-01-01T00:00:00Z"),
        _job("rejected", payload={"a": 1, "b": 1}, array={"count": 3}),
        _job("unserved", queue="alone", payload={"a": 1, "b": 1}),
        _job("homeless", queue="nowhere", payload={"a": 1, "b": 1}),
    )
    release.wait("each job in its state", lambda: PHASES.items() <= release.phases().items())
    numbers = [(0, 0, 1, 2, "1/1"), (1, 0, 0, 0, "0")]
    release.wait("the queues' numbers", lambda: numbers == [_numbers(release, name) for name in QUEUES])
    return release


def _numbers(release: Release, queue: str) -> tuple[int | str, ...]:
    status = release.get("taskqueues", queue).get("status", {})
    return tuple(status.get(name, -1) for name in ("depth", "running", "failed", "delayed", "workers"))


def _document(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _job(name: str, *, queue: str = "shown", task: str = "add", **spec: Any) -> dict[str, Any]:
    return _document("TaskJob", name, queue=queue, task=task, **spec)


def _retry(attempts: int, wait: int) -> dict[str, Any]:
    backoff = {"initialSeconds": wait, "maxSeconds": max(wait, 1), "jitterPercent": 0}
    return {"maxAttempts": attempts, "backoff": backoff}


def test_get_shows_a_line_for_each(shown: Release) -> None:
    jobs = columns(shown.kubectl("get", "tj", *PHASES, "-o", "wide"))
    queues = columns(shown.kubectl("get", "tq", *QUEUES, "-o", "wide"))

    same_as(GOLDEN / "get.txt", f"$ kubectl get tj -o wide\n{jobs}\n$ kubectl get tq -o wide\n{queues}")


@pytest.mark.parametrize("job", PHASES)
def test_describe_says_what_became_of_it(shown: Release, job: str) -> None:
    text = steady(shown.kubectl("describe", f"tj/{job}", "--show-events=false"), namespace=shown.workers)

    same_as(GOLDEN / f"describe-{job}.txt", text)


@pytest.mark.parametrize("queue", QUEUES)
def test_describe_says_how_a_queue_is(shown: Release, queue: str, images: tuple[str, str]) -> None:
    text = shown.kubectl("describe", f"tq/{queue}", "--show-events=false")

    same_as(GOLDEN / f"describe-queue-{queue}.txt", steady(text, namespace=shown.workers, image=images[0]))


def test_explain_teaches_the_fields(shown: Release) -> None:
    text = shown.cluster.kubectl("explain", "taskjob.spec.retry", "--recursive")

    same_as(GOLDEN / "explain-retry.txt", steady(text))


@pytest.mark.parametrize(
    ("job", "condition"),
    [
        ("completed", "Completed"),
        ("dead", "Failed"),
        ("dead", "Completed=False"),
        ("rejected", "Failed"),
        ("rejected", "Completed=False"),
        ("delayed", "Accepted"),
        ("retrying", "Reconciling"),
        ("unserved", "Finished=False"),
    ],
)
def test_wait_ends_at_the_condition(shown: Release, job: str, condition: str) -> None:
    told = shown.kubectl("wait", f"tj/{job}", f"--for=condition={condition}", "--timeout=10s")

    assert f"taskjob.taskjob.dev/{job} condition met" in told


@pytest.mark.parametrize("job", ["retrying", "delayed", "unserved"])
def test_nothing_says_completed_before_it_is(shown: Release, job: str) -> None:
    conditions = shown.get("tj", job)["status"]["conditions"]

    assert [] == [each for each in conditions if each["type"] in {"Completed", "Failed"}]
