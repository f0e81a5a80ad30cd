"""What there is to tell of each TaskQueue, from one look at it to the next; nothing before its status says so.

What is remembered only spares an Event from being lost with a look that failed half-way, or told twice: a new process
begins with what the status says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from taskjob_operator.events.event import Event
from taskjob_operator.events.poster import Poster
from taskjob_operator.events.taskqueues import bad_reasons, more_failed, scaled, turned_bad

STANDS = float("inf")
OVER_SECONDS = 60.0
"""A trouble that comes again within this time was never over: workers that start and crash again have one."""

SUMMARY_SECONDS = 60.0
"""The number of failed TaskJobs without an Event is told that often at most."""

MOST_SCALINGS = 5

Object = Mapping[str, Any]


class _Known(msgspec.Struct):
    """`bad`: each reason that was told, or stood in the status when this process first looked, and since when it does
    so no more (`STANDS` while it does)."""

    uid: str
    bad: dict[str, float]
    scalings: list[Event]
    summed_at: float = float("-inf")


class QueueEvents:
    def __init__(self, poster: Poster, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._poster = poster
        self._clock = clock
        self._queues: dict[tuple[str, str], _Known] = {}

    def scaled(self, queue: Object, deployment: Object, replicas: int) -> None:
        """The operator has just given the Deployment this number of replicas; `deployment` is how it was."""
        if (event := scaled(queue, deployment, replicas)) is not None:
            known = self._of(queue)
            known.scalings = [*known.scalings, event][-MOST_SCALINGS:]

    def said(self, queue: Object, status: Object) -> None:
        """The object says this now; `queue` is as the look found it."""
        known, now = self._of(queue), self._clock()
        told = {reason: min(over, now) for reason, over in known.bad.items() if now - over <= OVER_SECONDS}
        for event in (*known.scalings, *turned_bad(queue, status, told)):
            self._poster.tell(event)
        known.scalings, known.bad = [], told | dict.fromkeys(bad_reasons(status), STANDS)
        if now - known.summed_at < SUMMARY_SECONDS:
            return
        metadata = queue["metadata"]
        if number := self._poster.take_dropped(metadata["namespace"], metadata["name"]):
            known.summed_at = now
            self._poster.tell(more_failed(queue, number, str(status.get("statsAt"))))

    def gone(self, key: tuple[str, str]) -> None:
        self._queues.pop(key, None)

    def _of(self, queue: Object) -> _Known:
        metadata = queue["metadata"]
        key = (metadata["namespace"], metadata["name"])
        known = self._queues.get(key)
        if known is None or known.uid != metadata["uid"]:
            bad = dict.fromkeys(bad_reasons(queue.get("status") or {}), STANDS)
            known = self._queues[key] = _Known(metadata["uid"], bad, [])
        return known
