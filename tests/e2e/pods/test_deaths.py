"""What becomes of jobs when their worker's pod comes to harm, and what they say of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

SOON = 30.0
"""That no lease had to run out for it is told from the error; the figure itself is measured by the benchmark."""


@pytest.fixture(scope="module")
def two(pools: Any) -> str:
    pools.queue("deaths", replicas=2, concurrency=4)
    pools.ready("deaths", 2)
    return "deaths"


def run_elsewhere(pools: Any, name: str, victim: str) -> dict[str, Any]:
    began = time.monotonic()
    status = pools.until(
        lambda: pools.status("taskjobs", name),
        lambda found: found.get("lost") == 1 and found.get("phase") in {"Running", "Completed"},
    )
    assert time.monotonic() - began < SOON
    assert status["lastError"].partition(":")[0] in {"PodFailed", "PodDeleted", "OOMKilled"}
    assert victim in status["lastError"]
    return pools.phase(name, "Completed")


def test_a_container_that_is_killed_gives_its_jobs_back(pools: Any, two: str) -> None:
    pools.job("killed", two, "nap", {"seconds": 15.0})
    victim = pools.phase("killed", "Running")["worker"]

    pools.kill_container(victim)

    status = run_elsewhere(pools, "killed", victim)
    assert (status["attempts"], status["lost"]) == (1, 1)
    pools.ready(two, 2)


def test_a_pod_that_is_deleted_by_force_gives_its_jobs_back(pools: Any, two: str) -> None:
    pools.job("forced", two, "nap", {"seconds": 15.0})
    victim = pools.phase("forced", "Running")["worker"]

    pools.kubectl("delete", "pod", victim, "--grace-period=0", "--force")

    status = run_elsewhere(pools, "forced", victim)
    assert status["lastError"].startswith("PodDeleted")
    pools.ready(two, 2)


def test_a_pod_that_is_deleted_in_peace_finishes_what_it_runs(pools: Any, two: str) -> None:
    pools.job("asked", two, "nap", {"seconds": 4.0})
    victim = pools.phase("asked", "Running")["worker"]

    pools.kubectl("delete", "pod", victim, "--wait=false")

    status = pools.phase("asked", "Completed")
    assert (status["worker"], status["attempts"]) == (victim, 1)
    assert not status.get("lost")
    assert not status.get("interruptions")
    pools.ready(two, 2)


def test_a_task_that_eats_the_memory_is_lost_and_says_why(pools: Any) -> None:
    """With cgroups of version 2 the whole container is killed, and the kubelet says so (not always OOMKilled). With
    version 1 it is the one process; its first process starts another, and the broken connection tells."""
    pools.queue("hungry", memory="160Mi")
    pools.ready("hungry", 1)
    pools.job("eater", "hungry", "eat", retry={"maxLost": 0})

    status = pools.phase("eater", "DeadLetter")

    assert status["reason"] == "LostExhausted"
    assert status["lastError"].partition(":")[0] in {"OOMKilled", "PodFailed", "LeaseExpired"}


def test_a_pod_that_is_evicted_says_so(pools: Any) -> None:
    volume = {"name": "small", "emptyDir": {"sizeLimit": "4Mi"}}
    pools.queue("greedy", volumes=[volume], mounts=[{"name": "small", "mountPath": "/small"}])
    pools.ready("greedy", 1)
    pools.job("filler", "greedy", "fill", {"folder": "/small"}, retry={"maxLost": 0})

    status = pools.phase("filler", "DeadLetter", seconds=150)

    assert status["reason"] == "LostExhausted"
    assert status["lastError"].startswith("Evicted: pod ")
    assert "small" in status["lastError"], "the kubelet's words name the volume"
