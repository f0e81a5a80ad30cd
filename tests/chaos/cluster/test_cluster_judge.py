"""The judge of the chaos run on a cluster finds what cannot be, and nothing in a run that is as it should be."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

from cluster_judge import Evidence, Verdict, judge
from objects import ENDED, Accepted
from transitions import Seen, Transitions, goes_back


def attempt(number: int, outcome: str | None, worker: str = "w-1") -> dict[str, Any]:
    return {"run": 0, "number": number, "outcome": outcome, "worker": worker}


def line(delivery: int, event: str, at: float, worker: str = "w-1") -> dict[str, Any]:
    return {"at": at, "event": event, "job": "j", "run": 0, "delivery": delivery, "worker": worker}


def evidence(**other: Any) -> Evidence:
    """One object whose worker was killed once, which is as it should be."""
    status = {"phase": "Completed", "run": 0, "revision": 7, "jobID": "j", "attempts": 1, "lost": 1}
    job = {"id": "j", "owner": {"uid": "u"}, "phase": "completed", "run": 0, "revision": 7, "attempts": 1, "lost": 1}
    transitions = Transitions()
    transitions.note({"metadata": {"uid": "u", "name": "plain"}, "status": status})
    good: dict[str, Any] = {
        "accepted": [Accepted("u", "plain", "plain", frozenset({"completed"}))],
        "objects": {"u": {"metadata": {"uid": "u"}, "status": status}},
        "jobs": {"j": job},
        "attempts": {"j": [attempt(1, "lost"), attempt(2, "completed", "w-2")]},
        "lines": [line(1, "started", 1.0), line(2, "started", 2.0, "w-2"), line(2, "completed", 3.0, "w-2")],
        "transitions": transitions,
        "hurt": {"w-1"},
    }
    return Evidence(**(good | other))


def counts(verdict: Verdict) -> tuple[int, int, int, int]:
    return len(verdict.lost), len(verdict.doubled), len(verdict.unexplained), len(verdict.broken)


def test_a_death_that_a_fault_explains_is_clean() -> None:
    verdict = judge(evidence())

    assert verdict.clean
    assert (1, 2, 1) == tuple(verdict.figures[name] for name in ("objects", "executions", "reexecutions"))


DELETED = Accepted("u", "plain", "plain", ENDED, deleted_at=1.0, deleted_in="Running")
WRONG: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    "the object is gone": ({"objects": {}}, (1, 0, 0, 0)),
    "the job is gone": ({"jobs": {}, "attempts": {}, "lines": []}, (1, 0, 0, 0)),
    "a death without a fault": ({"hurt": set()}, (0, 0, 2, 0)),
    "two outcomes": ({"attempts": {"j": [attempt(1, "completed"), attempt(2, "completed", "w-2")]}}, (0, 1, 1, 0)),
    "a delivery that ran twice": (
        {"lines": [line(1, "started", 1.0), line(2, "started", 2.0), line(2, "started", 2.1)]},
        (0, 1, 1, 0),
    ),
    "an open attempt": ({"attempts": {"j": [attempt(1, "lost"), attempt(2, None, "w-2")]}}, (0, 2, 0, 0)),
    "an execution that the engine does not know": ({"attempts": {"j": [attempt(2, "completed", "w-2")]}}, (0, 0, 1, 1)),
    "an object that was deleted and is there": ({"accepted": [DELETED]}, (0, 0, 0, 1)),
    "a job of nobody": ({"accepted": [], "objects": {}}, (0, 0, 0, 1)),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_found(what: str) -> None:
    changes, expected = WRONG[what]

    assert expected == counts(judge(evidence(**changes)))


def test_a_status_that_disagrees_with_the_engine_is_found() -> None:
    other = evidence()
    other.jobs["j"]["revision"] = 8

    assert (0, 0, 0, 1) == counts(judge(other))


def test_a_deleted_object_whose_job_lives_is_found() -> None:
    other = evidence(accepted=[DELETED], objects={})
    other.jobs["j"]["phase"] = "running"

    assert (0, 0, 0, 1) == counts(judge(other))


DONE = Seen(0, "Completed", "i", 0, 5, "j")


@pytest.mark.parametrize(
    ("after", "back"),
    [
        (Seen(1, "Completed", "i", 0, 6, "j"), False),
        (Seen(1, "Running", "i", 1, 2, "j"), False),
        (Seen(1, "Running", "i", 0, 6, "j"), True),
        (Seen(1, "Completed", "i", 0, 4, "j"), True),
        (Seen(1, "Completed", "", 0, 0, ""), True),
        (Seen(1, "Completed", "other", 0, 6, "j"), True),
    ],
)
def test_what_a_status_may_follow(after: Seen, back: bool) -> None:
    assert back == goes_back(DONE, after)
