"""What the object of a worker pod proves about its process, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from taskjob_operator.pods.facts import Fact, fact_of

METADATA = {"namespace": "media", "name": "w-1", "uid": "u-1"}
RUNNING = {"state": {"running": {"startedAt": "2026-11-23T06:00:00Z"}}}
KILLED = {"state": {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": "2026-11-23T06:00:09Z"}}}
OOM = {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-23T06:00:09Z"}}}
UNKNOWN = {"state": {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "finishedAt": None}}}
"""After a reboot of its node: which process of the pod ended, and when, nobody knows."""
ENDED = "the worker ended with status 137"


def pod(container: dict[str, Any] | None = None, *, status: dict[str, Any] | None = None, **metadata: Any) -> Any:
    statuses = [] if container is None else [{"name": "worker", **container}]
    return {"metadata": METADATA | metadata, "status": {"containerStatuses": statuses, **(status or {})}}


def disrupted(reason: str) -> dict[str, Any]:
    return {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason}]}


def fact(reason: Any, message: str = "", **fields: Any) -> Fact:
    return Fact(namespace="media", name="w-1", uid="u-1", reason=reason, message=message, **fields)


@pytest.mark.parametrize(
    "nothing",
    [
        pod(RUNNING),
        pod(),
        pod(RUNNING, deletionTimestamp="2026-11-23T06:00:00Z", deletionGracePeriodSeconds=75),
        pod(RUNNING, status=disrupted("DeletionByTaintManager")),
        pod(RUNNING, status={"phase": "Failed", "reason": "NodeLost"}),
        pod(RUNNING, status={"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}),
        pod({"state": {"waiting": {"reason": "ContainerCreating"}}}),
        pod({**RUNNING, "lastState": UNKNOWN["state"]}),
        pod(UNKNOWN),
        {"metadata": METADATA},
    ],
)
def test_what_is_only_likely_is_no_fact(nothing: dict[str, Any]) -> None:
    assert fact_of(nothing, gone=False) is None


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (pod(OOM), fact("OOMKilled", ENDED, before="2026-11-23T06:00:09Z")),
        (pod(KILLED), fact("PodFailed", ENDED, before="2026-11-23T06:00:09Z")),
        (
            pod({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": OOM["state"]}),
            fact("OOMKilled", ENDED, before="2026-11-23T06:00:09Z"),
        ),
        (
            pod({"state": {"running": {"startedAt": "2026-11-23T06:00:11Z"}}, "lastState": OOM["state"]}),
            fact("OOMKilled", ENDED, before="2026-11-23T06:00:09Z"),
        ),
    ],
)
def test_a_container_that_ended_says_so_of_the_process_before(found: dict[str, Any], told: Fact) -> None:
    assert told == fact_of(found, gone=False)


LOW = "The node was low on resource: memory"


@pytest.mark.parametrize(
    ("status", "container", "told"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": LOW}, KILLED, fact("Evicted", LOW)),
        ({"phase": "Failed", **disrupted("TerminationByKubelet")}, KILLED, fact("Evicted", ENDED)),
        ({"phase": "Failed"}, OOM, fact("OOMKilled", ENDED)),
        ({"phase": "Failed"}, KILLED, fact("PodFailed", ENDED)),
        ({"phase": "Failed", **disrupted("DeletionByPodGC")}, None, fact("NodeLost")),
        ({"phase": "Succeeded"}, KILLED, fact("PodFailed", ENDED)),
    ],
)
def test_a_pod_that_is_over_has_no_process(status: dict[str, Any], container: Any, told: Fact) -> None:
    assert told == fact_of(pod(container, status=status), gone=False)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (pod(KILLED, deletionGracePeriodSeconds=75), fact("PodDeleted", ENDED)),
        (pod(RUNNING, deletionGracePeriodSeconds=75), fact("PodDeleted")),
        (pod(RUNNING, deletionGracePeriodSeconds=0), fact("PodDeleted", certain=False)),
        (pod(RUNNING), fact("PodDeleted", certain=False)),
        (pod(), fact("PodDeleted")),
        (pod(RUNNING, status=disrupted("DeletionByPodGC")), fact("NodeLost")),
        (pod(RUNNING, status=disrupted("DeletionByTaintManager")), fact("NodeLost", certain=False)),
    ],
)
def test_a_deletion_is_certain_only_where_the_node_was_waited_for(last: dict[str, Any], told: Fact) -> None:
    assert told == fact_of(last, gone=True)


def test_another_container_says_nothing_of_the_worker() -> None:
    sidecar = pod(RUNNING)
    sidecar["status"]["containerStatuses"].append({"name": "proxy", **OOM})

    assert fact_of(sidecar, gone=False) is None
