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
from taskjob_operator.events.untold import Key

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
        self._queues: dict[Key, _Known] = {}

    def note_scaling(self, queue: Object, deployment: Object, replicas: int) -> None:
        """The operator has just given the Deployment this number of replicas; `deployment` is how it was."""
        if (event := scaled(queue, deployment, replicas)) is not None:
            known = self._of(queue)
            known.scalings = [*known.scalings, event][-MOST_SCALINGS:]

    def said(self, queue: Object, status: Object) -> None:
        """The object says this now; `queue` is as the look found it."""
        known, now = self._of(queue), self._clock()
        for event in known.scalings:
            self._poster.tell(event)
        known.scalings = []
        told = {reason: min(over, now) for reason, over in known.bad.items() if now - over <= OVER_SECONDS}
        accepted = {event.reason for event in turned_bad(queue, status, told) if self._poster.tell(event)}
        # What was dropped is not known yet: the next look tells it.
        known.bad = told | dict.fromkeys(bad_reasons(status) & (told.keys() | accepted), STANDS)
        if now - known.summed_at >= SUMMARY_SECONDS:
            self._sum_up(known, queue, str(status.get("statsAt")), now)

    def gone(self, key: Key) -> None:
        self._queues.pop(key, None)
        self._poster.untold.forget(key)

    def _sum_up(self, known: _Known, queue: Object, at: str, now: float) -> None:
        key = _key(queue)
        number = self._poster.untold.of(key)
        if number and self._poster.tell(more_failed(queue, number, at)):
            known.summed_at = now
            self._poster.untold.follow(key)

    def _of(self, queue: Object) -> _Known:
        key, uid = _key(queue), queue["metadata"]["uid"]
        known = self._queues.get(key)
        if known is None or known.uid != uid:
            bad = dict.fromkeys(bad_reasons(queue.get("status") or {}), STANDS)
            known = self._queues[key] = _Known(uid, bad, [])
            self._poster.untold.follow(key)
        return known


def _key(queue: Object) -> Key:
    return queue["metadata"]["namespace"], queue["metadata"]["name"]
