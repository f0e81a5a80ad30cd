"""A TaskJob in each phase that one can be deleted in, and what must become of its job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_operator import Jobs, Stack

FAR = "2099-01-01T00:00:00Z"

PHASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "delayed": ({"startAfter": FAR}, "Submitted", "Delayed"),
    "suspended": ({"suspend": True}, "Submitted", "Suspended"),
    "queued": ({"task": "nobody-knows-it"}, "Queued", "Queued"),
    "running": ({"task": "nap", "payload": {"seconds": 600}}, "Running", "Running"),
    "retrying": (
        {"task": "fail", "payload": {"message": "x"}, "retry": {"backoff": {"initialSeconds": 600}}},
        "RetryQueued",
        "Backoff",
    ),
    "completed": ({}, "Completed", "Completed"),
    "dead": ({"task": "fail", "payload": {"message": "x"}, "retry": {"maxAttempts": 1}}, "DeadLetter", ""),
    "rejected": ({"payload": {"text": "x" * 20_000}}, "Rejected", "PayloadTooLarge"),
}
ENDS = {"completed": {"completed"}, "dead": {"dead_letter"}, "rejected": set()}
"""What the engine has of a job whose TaskJob was deleted in this phase, where it is not `cancelled`."""


def in_every_phase(jobs: Jobs) -> None:
    for name, (spec, _, _) in PHASES.items():
        jobs.create(name, **spec)
    for name, (_, phase, _) in PHASES.items():
        jobs.until(name, phase)


def as_they_should_end(jobs: Jobs, stack: Stack) -> Callable[[], bool]:
    def reached() -> bool:
        phases: dict[str, set[str]] = {name: set() for name in PHASES}
        for one in stack.engine_jobs(jobs.namespace):
            phases[one["name"]].add(one["phase"])
        return phases == {name: ENDS.get(name, {"cancelled"}) for name in PHASES}

    return reached
