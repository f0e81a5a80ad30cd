"""Posting Events, beside everything else and at nobody's expense: slowly, a bounded number, and none of them twice.

What does not fit is dropped and counted; what the API server refuses is counted and said once in the log. Nobody waits
for an Event, and nothing depends on one: the status says the same.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Callable

from taskjob_operator.events.allowance import Allowance
from taskjob_operator.events.event import Event
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import EVENTS
from taskjob_operator.leadership import NotLeadingError
from taskjob_operator.metrics import Metrics

logger = logging.getLogger(__name__)
BURST = 25
"""Events that the TaskJobs of one queue may have at once, and as many those of the TaskQueue itself."""

PER_SECOND = 0.1
"""And how many a second after that."""

POSTS_PER_SECOND = 10.0
"""Over all queues, one after the other."""

MOST_WAITING = 500
MOST_QUEUES = 1000
"""Queues of which it is kept how many Events were dropped."""

TRIES = 3


def wall_clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Poster:
    """Create it inside the event loop. `instance` is the pod that posts."""

    def __init__(
        self,
        kube: KubeClient,
        metrics: Metrics,
        *,
        instance: str,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], dt.datetime] = wall_clock,
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._instance = instance
        self._now = now
        self._allowance = Allowance(BURST, PER_SECOND, clock=clock)
        self._waiting: asyncio.Queue[tuple[Event, dt.datetime]] = asyncio.Queue(MOST_WAITING)
        self._dropped: Counter[tuple[str, str]] = Counter()
        self._complained: set[int] = set()

    def tell(self, event: Event) -> None:
        """Post it when there is time, or drop it. Returns at once, and never fails."""
        subject = event.subject
        if self._waiting.full() or not self._allowance.take((subject.kind, subject.namespace, subject.queue)):
            self._metrics.events.labels("dropped").inc()
            queue = (subject.namespace, subject.queue)
            if subject.kind == "TaskJob" and (queue in self._dropped or len(self._dropped) < MOST_QUEUES):
                self._dropped[queue] += 1
            return
        self._waiting.put_nowait((event, self._now()))

    def take_dropped(self, namespace: str, queue: str) -> int:
        """How many Events of this queue's TaskJobs were dropped since this was asked last."""
        return self._dropped.pop((namespace, queue), 0)

    async def run(self) -> None:
        """Until cancelled; what waits then is lost."""
        while True:
            event, at = await self._waiting.get()
            self._metrics.events.labels(await self._post(event, at)).inc()
            await asyncio.sleep(1 / POSTS_PER_SECOND)

    async def _post(self, event: Event, at: dt.datetime) -> str:
        """What became of it. Only what may be gone in a moment is tried again, with everything else behind it."""
        backoff = Backoff(first=0.5, most=5.0)
        path = EVENTS.collection(event.subject.namespace)
        document = event.document(instance=self._instance, at=at)
        while True:
            try:
                await self._kube.create(path, document)
            except NotLeadingError:  # this process ends soon, or a late renewal of the Lease saves its term
                again, pause = True, 0.0
            except KubeError as error:
                if error.status == 409:
                    return "known"
                again, pause = error.status in {0, 429} or error.status >= 500, error.retry_after or 0.0
                self._complain(error)
            else:
                return "written"
            if not again:
                return "refused"
            pause = max(backoff.next(), pause)
            if backoff.tries >= TRIES:
                return "failed"
            await asyncio.sleep(pause)

    def _complain(self, error: KubeError) -> None:
        """Once for each kind of refusal."""
        if error.status not in self._complained:
            self._complained.add(error.status)
            logger.warning("an Event could not be written: %s; said once, the metric goes on counting", error)
