"""Posting Events, beside everything else and at nobody's expense: slowly, a bounded number, and none of them twice.

What does not fit is dropped and counted; what the API server refuses is counted and said once in the log. Nobody waits
for an Event, and nothing depends on one: the status says the same.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable

from taskjob_operator.events.allowance import Allowance
from taskjob_operator.events.event import Event
from taskjob_operator.events.untold import Untold
from taskjob_operator.events.waiting import Waiting
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
"""Over all namespaces, one after the other."""

MOST_OF_A_NAMESPACE = 50
MOST_WAITING = 2000

TRIES = 3
MOST_COMPLAINTS = 20


def utc_now() -> dt.datetime:
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
        now: Callable[[], dt.datetime] = utc_now,
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._instance = instance
        self._now = now
        self._allowance = Allowance(BURST, PER_SECOND, clock=clock)
        self._waiting: Waiting[tuple[Event, dt.datetime]] = Waiting(most_each=MOST_OF_A_NAMESPACE, most=MOST_WAITING)
        self._complained: set[tuple[int, str]] = set()
        self.untold = Untold()
        """Of TaskJobs."""

    def tell(self, event: Event) -> bool:
        """Post it when there is time, or drop it (False). Returns at once, and never fails."""
        subject = event.subject
        passes = self._allowance.take((subject.kind, subject.namespace, subject.queue))
        if passes and self._waiting.put(subject.namespace, (event, self._now())):
            return True
        self._metrics.events.labels("dropped").inc()
        if subject.kind == "TaskJob":
            self.untold.add((subject.namespace, subject.queue))
        return False

    async def run(self) -> None:
        """Until cancelled; what waits then is lost."""
        while True:
            event, at = await self._waiting.take()
            try:
                outcome = await self._post(event, at)
            except Exception:
                logger.exception("an Event could not be made")  # nothing depends on one, least of all the operator
                outcome = "failed"
            self._metrics.events.labels(outcome).inc()
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
                if error.status == 409 and error.reason == "AlreadyExists":
                    return "known"
                again = error.status in {0, 401, 408, 409, 429} or error.status >= 500
                pause = error.retry_after or 0.0
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
        """Once for each kind of refusal; of a namespace that is being deleted there is nothing to say."""
        if "because it is being terminated" in error.message or (error.status == 404 and "namespaces" in error.message):
            return
        kind = (error.status, error.reason)
        if kind not in self._complained and len(self._complained) < MOST_COMPLAINTS:
            self._complained.add(kind)
            logger.warning("an Event could not be written: %s; said once, the metric goes on counting", error)
