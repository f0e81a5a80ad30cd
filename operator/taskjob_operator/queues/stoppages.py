"""What keeps every job of a queue from running, as its TaskJobs are told it.

Slowly, because each telling is a write per TaskJob: a trouble must have stood for a while before it is told, and must
have been away for longer before that is taken back. A trouble that comes and goes is told once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from taskjob.wire.operator_messages import QueueNumbers
from taskjob_operator.queues.agenda import Key
from taskjob_operator.queues.pool import Pool
from taskjob_operator.queues.trouble import Trouble

STANDS_SECONDS = 10.0
OVER_SECONDS = 60.0
"""The longest pause between two crashes of a worker is five minutes; nearly all of it the trouble is seen."""

UNKNOWN_SECONDS = 60.0
"""A queue that this process has not looked at for so long has no TaskQueue."""


def stoppage(pool: Pool, numbers: QueueNumbers | None, refused: Trouble | None) -> Trouble | None:
    """The trouble of a queue that nobody serves meanwhile."""
    served = pool.ready > 0 or (numbers is not None and numbers.workers > 0)
    return None if served else refused or pool.trouble


class _Told(msgspec.Struct):
    """`told` is what TaskJobs are told; `seen` what was seen last, its reason unchanged `since` then."""

    told: Trouble | None
    seen: Trouble | None
    since: float


class Stoppages:
    """Belongs to one event loop. The first look at a queue is believed at once: TaskJobs may say so already."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._born = clock()
        self._queues: dict[Key, _Told] = {}

    def saw(self, key: Key, trouble: Trouble | None) -> None:
        """What a look found."""
        queue = self._queues.get(key)
        if queue is None:
            self._queues[key] = _Told(trouble, trouble, self._clock())
        elif _reason(trouble) != _reason(queue.seen):
            self._settle(queue)
            queue.seen, queue.since = trouble, self._clock()

    def gone(self, key: Key) -> None:
        """There is no such TaskQueue. Remembered only as long as that is not clear by itself."""
        if self._is_grown():
            self._queues.pop(key, None)
        else:
            self._queues[key] = _Told(None, None, self._clock())

    def knows(self, namespace: str, queue: str) -> bool:
        """Whether `of` says how it is. Before the first look at a queue its TaskJobs go on saying what they say."""
        return (namespace, queue) in self._queues or self._is_grown()

    def of(self, namespace: str, queue: str) -> Trouble | None:
        """What the TaskJobs of this queue are to say now."""
        found = self._queues.get((namespace, queue))
        if found is None:
            return None
        self._settle(found)
        return found.told

    def _is_grown(self) -> bool:
        return self._clock() - self._born > UNKNOWN_SECONDS

    def _settle(self, queue: _Told) -> None:
        least = STANDS_SECONDS if queue.told is None else OVER_SECONDS
        if _reason(queue.seen) != _reason(queue.told) and self._clock() - queue.since >= least:
            queue.told = queue.seen


def _reason(trouble: Trouble | None) -> str | None:
    return None if trouble is None else trouble.reason
