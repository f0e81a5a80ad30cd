"""Objects that are brought into each phase for the sake of being deleted in it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from objects import ENDED, QUEUE, Accepted, Objects

FAR = "2099-01-01T00:00:00Z"
SLOW = {"backoff": {"initialSeconds": 600, "maxSeconds": 600}}
PHASES: dict[str, tuple[dict[str, Any], str]] = {
    "delayed": ({"startAfter": FAR}, "Submitted"),
    "suspended": ({"suspend": True}, "Submitted"),
    "queued": ({"task": "nobody.knows"}, "Queued"),
    "running": ({"payload": {"milliseconds": 60_000}}, "Running"),
    "retrying": ({"payload": {"fail_first": 99}, "retry": SLOW}, "RetryQueued"),
    "completed": ({}, "Completed"),
    "dead": ({"payload": {"fail_first": 99}, "retry": {"maxAttempts": 1}}, "DeadLetter"),
    "rejected": ({"payload": {"text": "x" * 20_000}}, "Rejected"),
}
PATIENCE_SECONDS = 40.0


async def bring_about(objects: Objects, mark: str) -> list[Accepted]:
    """One in each phase, as far as they come there before the patience is over."""
    made = {}
    for name, (changes, _) in PHASES.items():
        spec = {"queue": QUEUE, "task": "chaos.work", **changes}
        made[name] = await objects.create(f"{name}-{mark}", "phase", spec, ENDED)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if all(objects.shows_job(one.uid) == PHASES[name][1] for name, one in made.items()):
            break
        await asyncio.sleep(0.2)
    return list(made.values())


async def delete(objects: Objects, made: list[Accepted]) -> list[str]:
    """The phases they were in."""
    for one in made:
        await objects.delete(one)
    return [one.deleted_in for one in made]
