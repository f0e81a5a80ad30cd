"""Workers that cannot run, as the TaskQueue tells it, and what mends them."""

from __future__ import annotations

from typing import Any


def test_an_image_that_cannot_be_pulled_is_told_until_it_is_mended(pools: Any) -> None:
    pools.queue("images", image="taskjob.invalid/nothing:1")
    pools.job("waits", "images", "nap")

    found = pools.condition("images", "WorkersFailing", "True", "ImagePullBackOff")
    assert "taskjob.invalid/nothing:1" in found["message"]
    assert pools.status("taskqueues", "images")["state"] == "Degraded"
    told = pools.reason("waits", "ImagePullBackOff")
    assert told["phase"] == "Queued"
    assert "taskjob.invalid/nothing:1" in told["message"]

    pools.queue("images")
    pools.ready("images", 1)
    assert pools.phase("waits", "Completed")["reason"] == "Completed"
    pools.condition("images", "Stalled", "False", "Fine")


def test_a_module_that_is_not_there_is_told_with_the_workers_own_words(pools: Any) -> None:
    pools.queue("crashing", modules=["no_such_module"])
    pools.job("crashed", "crashing", "nap")

    found = pools.condition("crashing", "WorkersFailing", "True", "CrashLoopBackOff")

    assert "no_such_module" in found["message"]
    assert "no_such_module" in pools.reason("crashed", "CrashLoopBackOff")["message"]


def test_a_secret_that_is_missing_is_told(pools: Any) -> None:
    source = {"secretKeyRef": {"name": "not-there", "key": "password"}}
    pools.queue("secretive", env=[{"name": "PASSWORD", "valueFrom": source}])

    found = pools.condition("secretive", "WorkersFailing", "True", "CreateContainerConfigError")

    assert "not-there" in found["message"]


def test_workers_that_fit_on_no_node_are_told(pools: Any) -> None:
    resources = {"requests": {"cpu": "500", "memory": "1Gi"}}
    pools.queue("huge", resources=resources)

    found = pools.condition("huge", "WorkersFailing", "True", "Unschedulable")

    assert "cpu" in found["message"]
