"""The status of a TaskQueue: its words, its conditions and what is worth a write."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taskjob.spec.taskqueue_status import TaskQueueStatus
from taskjob.wire.operator_messages import QueueNumbers
from taskjob_operator.queues.pool import Pool, pool_of
from taskjob_operator.queues.seen import Seen
from taskjob_operator.queues.status import COUNTING, differs, in_words, status_of
from taskjob_operator.queues.trouble import Trouble

NOW = "2026-11-23T06:00:41Z"
LATER = "2026-11-23T06:02:00Z"
NUMBERS = QueueNumbers(
    namespace="media",
    name="images",
    ready=607,
    running=48,
    delayed=12,
    dead_letters=2,
    oldest_age_seconds=9.7,
    workers=6,
)
POOL = Pool(declared=True, replicas=7, desired=7, ready=7, selector="taskjob.dev/queue=images")
BAD_IMAGE = Trouble(reason="ImagePullBackOff", message="a:1: not found", final=True)
FORBIDDEN = Trouble(condition="WorkersForbidden", reason="WorkersForbidden", message="no rights", final=True)
QUOTA = Trouble(reason="QuotaExceeded", message="exceeded quota")


def status(before: dict[str, Any] | None = None, now: str = NOW, **seen: Any) -> dict[str, Any]:
    built = status_of(Seen(**{"generation": 3, "pool": POOL, "numbers": NUMBERS, **seen}), before or {}, now=now)
    TaskQueueStatus.model_validate(built)  # what the definition's schema takes
    return built


def condition(found: dict[str, Any], kind: str) -> tuple[str, str, str]:
    told = {each["type"]: (each["status"], each["reason"], each["message"]) for each in found["conditions"]}
    return told.get(kind, ("", "", ""))


def test_the_numbers_are_those_of_the_engine() -> None:
    found = status()

    assert (
        found.items()
        >= {
            "observedGeneration": 3,
            "state": "Active",
            "replicas": 7,
            "desiredReplicas": 7,
            "readyReplicas": 7,
            "workers": "7/7",
            "selector": "taskjob.dev/queue=images",
            "depth": 607,
            "running": 48,
            "delayed": 12,
            "failed": 2,
            "unservable": 0,
            "oldestAgeSeconds": 9,
            "oldest": "9s",
            "statsAt": NOW,
        }.items()
    )


PART = msgspec.structs.replace(POOL, ready=6, rolling=True)
NONE = msgspec.structs.replace(POOL, ready=0, rolling=True)
ZERO = msgspec.structs.replace(POOL, ready=0, replicas=0, desired=0)
BROKEN = msgspec.structs.replace(NONE, trouble=BAD_IMAGE)
CRAMPED = msgspec.structs.replace(NONE, trouble=QUOTA)
UNSERVED = msgspec.structs.replace(NUMBERS, unservable=3)


@pytest.mark.parametrize(
    ("seen", "state", "ready", "reconciling", "stalled"),
    [
        ({}, "Active", ("True", "WorkersReady"), "False", "False"),
        ({"pool": PART}, "Active", ("True", "WorkersReady"), "True", "False"),
        ({"pool": NONE}, "Pending", ("False", "WorkersStarting"), "True", "False"),
        ({"pool": ZERO}, "Active", ("False", "ScaledToZero"), "False", "False"),
        ({"pool": ZERO, "numbers": None}, "NoWorkers", ("False", "ScaledToZero"), "False", "False"),
        ({"pool": BROKEN}, "Degraded", ("False", "ImagePullBackOff"), "False", "True"),
        ({"pool": CRAMPED}, "Degraded", ("False", "QuotaExceeded"), "True", "False"),
        ({"refused": BAD_IMAGE}, "Invalid", ("False", "ImagePullBackOff"), "False", "True"),
        ({"paused": True}, "Paused", ("True", "WorkersReady"), "False", "False"),
        ({"paused": True, "pool": BROKEN}, "Paused", ("False", "ImagePullBackOff"), "False", "True"),
        ({"pool": Pool()}, "Active", ("True", "WorkersConnected"), "False", "False"),
        ({"pool": Pool(), "numbers": None}, "NoWorkers", ("False", "NoWorkers"), "False", "False"),
        ({"unreachable": "no answer"}, "Active", ("Unknown", "ApiUnavailable"), "True", "False"),
        ({"numbers": UNSERVED}, "Active", ("True", "NoWorkerForTask"), "False", "False"),
    ],
)
def test_a_look_becomes_words(
    seen: dict[str, Any], state: str, ready: tuple[str, str], reconciling: str, stalled: str
) -> None:
    found = status(**seen)

    assert state == found["state"]
    assert ready == condition(found, "Ready")[:2]
    assert (reconciling, stalled) == (condition(found, "Reconciling")[0], condition(found, "Stalled")[0])


@pytest.mark.parametrize(
    ("trouble", "kind"), [(BAD_IMAGE, "WorkersFailing"), (FORBIDDEN, "WorkersForbidden"), (QUOTA, "WorkersFailing")]
)
def test_what_is_wrong_with_the_workers_is_a_condition_while_it_lasts(trouble: Trouble, kind: str) -> None:
    found = status(pool=msgspec.structs.replace(NONE, trouble=trouble))

    assert condition(found, kind) == ("True", trouble.reason, trouble.message)
    assert condition(status(before=found), kind) == ("", "", "")


@pytest.mark.parametrize(
    ("declared", "by", "listed"),
    [
        (False, (), []),
        (True, (), ["spec"]),
        (False, ("spec",), []),  # not any more: the api is told in this moment
        (False, ("api:anna",), ["api"]),
        (True, ("spec", "api:anna"), ["spec", "api"]),
    ],
)
def test_both_halves_of_a_pause_are_listed(declared: bool, by: tuple[str, ...], listed: list[str]) -> None:
    found = status(paused=declared, numbers=msgspec.structs.replace(NUMBERS, paused_by=by))

    assert listed == found["pausedBy"]
    said = condition(found, "Paused")
    assert said[0] == ("True" if listed else "False")
    assert ("spec.paused" in said[2], "anna" in said[2]) == ("spec" in listed, "api" in listed)


@pytest.mark.parametrize(
    ("mode", "pool", "said"),
    [
        ("Manual", POOL, ("True", "Manual")),
        ("Disabled", POOL, ("False", "Disabled")),
        ("Manual", Pool(), ("False", "NoWorkersDeclared")),
        ("Manual", msgspec.structs.replace(NONE, trouble=FORBIDDEN), ("False", "WorkersForbidden")),
    ],
)
def test_who_scales_is_told(mode: str, pool: Pool, said: tuple[str, str]) -> None:
    assert said == condition(status(mode=mode, pool=pool), "ScalingActive")[:2]


def test_a_condition_that_did_not_change_keeps_its_time() -> None:
    after = status(status(), LATER, pool=NONE)
    times = {each["type"]: each["lastTransitionTime"] for each in after["conditions"]}

    assert times == {"Ready": LATER, "Reconciling": LATER, "Paused": NOW, "ScalingActive": NOW, "Stalled": NOW}


def test_numbers_that_the_api_does_not_tell_stay() -> None:
    before = status()
    after = status(before, LATER, numbers=None)

    assert [before[key] for key in ("depth", "running", "oldest")] == [
        after[key] for key in ("depth", "running", "oldest")
    ]


def test_the_same_again_is_not_worth_a_write() -> None:
    before = status()
    counted = status(before, LATER, numbers=msgspec.structs.replace(NUMBERS, ready=1))

    assert not differs(status(before, LATER), before)
    assert differs(counted, before)
    assert not differs(counted, before, ignore=COUNTING)
    assert differs(status(before, LATER, pool=NONE), before, ignore=COUNTING)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (9, "9s"),
        (119, "119s"),
        (150, "2m30s"),
        (720, "12m"),
        (7500, "2h5m"),
        (7200, "2h"),
        (180_000, "2d2h"),
    ],
)
def test_an_age_is_written_as_kubectl_does(seconds: int, words: str) -> None:
    assert words == in_words(seconds)


@pytest.mark.parametrize(
    ("live", "rolling"),
    [
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}, False),
        ({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}, True),
        ({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "readyReplicas": 4}, True),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 3}, True),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 2}, True),
    ],
)
def test_a_rollout_is_seen(live: dict[str, int], rolling: bool) -> None:
    deployment = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": live}

    assert rolling == pool_of(deployment, desired=3).rolling


def test_a_foreign_selector_is_written_as_text() -> None:
    selector = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["x", "y"]},
            {"key": "d", "operator": "NotIn", "values": ["z"]},
            {"key": "e", "operator": "Exists"},
            {"key": "f", "operator": "DoesNotExist"},
        ],
    }
    deployment = {"metadata": {}, "spec": {"selector": selector}, "status": {}}

    assert pool_of(deployment, desired=1).selector == "a=1,b=2,c in (x,y),d notin (z),e,!f"


def usual(seconds: float | None) -> QueueNumbers:
    return msgspec.structs.replace(NUMBERS, run_seconds_p95=seconds)


DRAINED = msgspec.structs.replace(POOL, drain_seconds=45)
"""30 seconds to drain, and 15 for the kubelet."""


def test_jobs_that_run_longer_than_a_drain_are_a_condition() -> None:
    told = condition(status(pool=DRAINED, numbers=usual(30.5)), "DrainTooShort")

    assert told[:2] == ("True", "DrainTooShort")
    assert "a worker that is told to go has 30 s" in told[2]
    assert "worker.drainSeconds" in told[2]
    assert condition(status(pool=DRAINED, numbers=usual(30.0)), "DrainTooShort") == ("", "", "")
    assert condition(status(pool=POOL, numbers=usual(900.0)), "DrainTooShort") == ("", "", ""), "others' pods"


def test_orphans_that_are_held_back_are_a_condition_of_every_queue_of_their_namespace() -> None:
    told = condition(status(orphans_held=30), "OrphansHeld")

    assert told[:2] == ("True", "TooManyAtOnce")
    assert "30 jobs" in told[2]
    assert "taskjob orphans confirm" in told[2]
    assert condition(status(orphans_held=0), "OrphansHeld") == ("", "", "")


def test_what_is_not_known_now_stays_as_it_was() -> None:
    """After a restart of the api nobody knows how long jobs run, after one of the operator nobody knows of orphans."""
    before = status(pool=DRAINED, numbers=usual(99.0), orphans_held=30)

    for numbers in (usual(None), None):
        after = status(before, LATER, pool=DRAINED, numbers=numbers, orphans_held=None)
        for kind in ("DrainTooShort", "OrphansHeld"):
            assert condition(after, kind) == condition(before, kind)
        assert not differs(after, before, ignore=COUNTING)


def test_what_was_said_of_another_drain_does_not_stay() -> None:
    before = status(pool=DRAINED, numbers=usual(99.0))

    after = status(before, LATER, generation=4, pool=DRAINED, numbers=usual(None))

    assert condition(after, "DrainTooShort") == ("", "", "")
