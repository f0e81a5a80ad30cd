"""Which turns of a TaskJob and of a TaskQueue deserve an Event, and which do not."""

from __future__ import annotations

from typing import Any

import pytest
from operator_jobs import AT, UID, job, record

from taskjob.model import Phase
from taskjob_operator.events.event import Event
from taskjob_operator.events.taskjobs import event_of
from taskjob_operator.events.taskqueues import BAD, bad_reasons, scaled, turned_bad
from taskjob_operator.record import standing_of
from taskjob_operator.status import jobless
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import TaskJobStatus, read_status

FIRST = read_status(None)
QUEUE = {"metadata": {"namespace": "media", "name": "images", "uid": "q-1"}}
SINCE = "2026-11-23T06:00:00Z"


def shows(phase: Phase, **fields: Any) -> TaskJobStatus:
    return status_of(job(phase, **fields), generation=1, incarnation="life-1", mirrored=False, now=AT)


def rejected(run: int = 0) -> TaskJobStatus:
    return jobless.rejected("KeyConflict", "another job has this key", generation=1, run=run, now=AT)


def told(before: TaskJobStatus, said: TaskJobStatus) -> Event | None:
    return event_of(record(), standing_of(before), said)


def test_a_dead_letter_is_told_in_the_words_of_its_status() -> None:
    said = shows(Phase.DEAD_LETTER, attempts=5)
    event = told(shows(Phase.RUNNING), said)

    assert event is not None
    assert (True, "AttemptsExhausted", "DeadLetter") == (event.warning, event.reason, event.action)
    assert said.message == event.note != ""
    assert ("TaskJob", "media", "cats", UID) == (
        event.subject.kind,
        event.subject.namespace,
        event.subject.name,
        event.subject.uid,
    )


def test_a_refusal_is_told() -> None:
    event = told(FIRST, rejected())

    assert event is not None
    assert ("KeyConflict", "another job has this key") == (event.reason, event.note)


@pytest.mark.parametrize("phase", [each for each in Phase if each is not Phase.DEAD_LETTER])
def test_a_job_that_did_not_fail_for_good_is_no_event(phase: Phase) -> None:
    assert told(FIRST, shows(phase)) is None


def test_what_was_said_before_is_no_event_and_the_next_run_is_another() -> None:
    dead = shows(Phase.DEAD_LETTER)
    again = shows(Phase.DEAD_LETTER, run=1)

    assert told(dead, shows(Phase.DEAD_LETTER, revision=2)) is None
    assert told(dead, jobless.answering(dead, 2)) is None
    first, second = told(FIRST, dead), told(dead, again)
    assert first is not None
    assert second is not None
    assert first.happening != second.happening
    assert told(rejected(), rejected()) is None


def status(*conditions: tuple[str, str, str], since: str = SINCE) -> dict[str, Any]:
    """(type, status, reason)"""
    return {
        "conditions": [
            {"type": kind, "status": is_so, "reason": reason, "message": f"{reason}: why", "lastTransitionTime": since}
            for kind, is_so, reason in conditions
        ]
    }


@pytest.mark.parametrize("kind", BAD)
def test_a_condition_that_turns_bad_is_told_once(kind: str) -> None:
    bad = status((kind, "True", "ImagePullBackOff"))

    [event] = turned_bad(QUEUE, bad, bad_reasons({}))

    assert (True, "ImagePullBackOff", "ImagePullBackOff: why") == (event.warning, event.reason, event.note)
    assert ("TaskQueue", "images", "q-1") == (event.subject.kind, event.subject.name, event.subject.uid)
    assert [] == turned_bad(QUEUE, bad, bad_reasons(bad))
    assert [] == turned_bad(QUEUE, status((kind, "False", "Fine")), ())


def test_conditions_that_are_not_bad_while_true_are_no_events() -> None:
    fine = status(
        ("Ready", "True", "WorkersReady"), ("Paused", "True", "Paused"), ("Reconciling", "True", "RollingOut")
    )

    assert [] == turned_bad(QUEUE, fine, ())


def test_two_conditions_of_one_reason_are_one_event_and_two_reasons_two() -> None:
    found = status(
        ("Stalled", "True", "ImagePullBackOff"),
        ("WorkersFailing", "True", "ImagePullBackOff"),
        ("OrphansHeld", "True", "TooManyAtOnce"),
    )

    events = turned_bad(QUEUE, found, ())

    assert [("WorkersFailing", "ImagePullBackOff"), ("OrphansHeld", "TooManyAtOnce")] == [
        (event.action, event.reason) for event in events
    ]


def test_another_turn_is_another_event() -> None:
    trouble = ("WorkersFailing", "True", "QuotaExceeded")

    [first], [later] = (
        turned_bad({"metadata": QUEUE["metadata"] | {"resourceVersion": version}}, status(trouble), ())
        for version in ("7", "8")
    )

    assert first.happening != later.happening


def test_a_message_of_a_condition_is_redacted() -> None:
    found = status(("WorkersFailing", "True", "CrashLoopBackOff"))
    found["conditions"][0]["message"] = "no answer\nfrom redis://user:geheim@host"

    [event] = turned_bad(QUEUE, found, ())

    assert "no answer from redis://***@host" == event.note


@pytest.mark.parametrize(("before", "after", "reason"), [(1, 3, "ScaledUp"), (3, 0, "ScaledDown")])
def test_a_number_of_replicas_that_changed_is_told(before: int, after: int, reason: str) -> None:
    event = scaled(QUEUE, deployment(before), after)

    assert event is not None
    assert (False, reason) == (event.warning, event.reason)
    assert f"Deployment taskqueue-images from {before} to {after}" == event.note
    assert event.happening != getattr(scaled(QUEUE, deployment(before, version="8"), after), "happening", None)


def test_the_same_number_is_no_decision() -> None:
    assert scaled(QUEUE, deployment(3), 3) is None


def deployment(replicas: int, version: str = "7") -> dict[str, Any]:
    metadata = {"name": "taskqueue-images", "uid": "d-1", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"replicas": replicas}}
