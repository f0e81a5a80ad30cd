"""A rollout of the workers while jobs run loses none and doubles none."""

from __future__ import annotations

from typing import Any

JOBS = 60


def test_a_rollout_loses_and_doubles_nothing(pools: Any) -> None:
    pools.queue("rolling", replicas=2, concurrency=4, env=[{"name": "RELEASE", "value": "1"}])
    pools.ready("rolling", 2)
    before = {pod["metadata"]["uid"] for pod in _pods(pools)}
    pools.apply(*(_job(number) for number in range(JOBS)))

    pools.queue("rolling", replicas=2, concurrency=4, env=[{"name": "RELEASE", "value": "2"}])

    def finished(found: dict[str, Any]) -> bool:
        return all((job.get("status") or {}).get("phase") == "Completed" for job in found["items"])

    jobs = pools.until(lambda: pools.cluster.get("taskjobs", "-l", "of=rolling", "-n", pools.namespace), finished, 180)
    pools.ready("rolling", 2)
    pools.until(
        lambda: {"uids": {pod["metadata"]["uid"] for pod in _pods(pools)}}, lambda now: not now["uids"] & before
    )

    assert JOBS == len(jobs["items"])
    counts = [job["status"] for job in jobs["items"]]
    assert [1] * JOBS == [status["attempts"] for status in counts]
    assert [0] * JOBS == [status.get("lost", 0) + status.get("interruptions", 0) for status in counts]
    assert {status["worker"] for status in counts} - {pod["metadata"]["name"] for pod in _pods(pools)}, "both releases"


def _pods(pools: Any) -> list[dict[str, Any]]:
    found = pools.cluster.get("pods", "-l", "taskjob.dev/queue=rolling", "-n", pools.namespace)["items"]
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def _job(number: int) -> dict[str, Any]:
    spec = {"queue": "rolling", "task": "nap", "payload": {"seconds": 0.7}}
    metadata = {"name": f"rolling-{number}", "labels": {"of": "rolling"}}
    return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskJob", "metadata": metadata, "spec": spec}
