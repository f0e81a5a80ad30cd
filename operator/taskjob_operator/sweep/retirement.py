"""Finished TaskJobs whose time is over are deleted: where the user said when, and those that nobody named.

A TaskJob that a repository of manifests describes is never deleted by a default, or it would be made again and run
again for ever. One made with generateName goes when the engine drops its job.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.leadership import NotLeadingError
from taskjob_operator.metrics import Metrics
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.showing import wall_clock
from taskjob_operator.record import Record
from taskjob_operator.writing.receipts import Receipt

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 0.05
"""Between two deletions: at most twenty a second."""

AGAIN_SECONDS = 30.0
REFUSED_FOR_SECONDS = 1_209_600
"""How long a refused TaskJob with a generated name is kept: it has no job to go with."""


def chosen_ttl(record: Record) -> int | None:
    """Seconds after its end that the user chose for such an end."""
    if record.written.phase in {"DeadLetter", "Rejected"}:
        return record.ttl_failed
    return record.ttl_finished


def deleted_at(record: Record) -> int | None:
    """When it is to be deleted, in microseconds of the wall clock; None: not by time."""
    if not record.written.final or record.written.finished_at is None or record.gone or record.deleting:
        return None
    seconds = chosen_ttl(record)
    if seconds is None and record.generated and record.written.phase == "Rejected":
        seconds = REFUSED_FOR_SECONDS
    return None if seconds is None else record.written.finished_at + seconds * 1_000_000


class Retirement:
    def __init__(
        self,
        kube: KubeClient,
        index: Index,
        metrics: Metrics,
        *,
        on_gone: Callable[[Record], None],
        now: Callable[[], int] = wall_clock,
    ) -> None:
        self._kube = kube
        self._index = index
        self._metrics = metrics
        self._on_gone = on_gone
        self._now = now
        self._heap: list[tuple[int, int, str]] = []
        """(when to try, when it is due, uid)"""
        self._known: dict[str, int] = {}
        self._pruned: asyncio.Queue[tuple[Record, Receipt]] = asyncio.Queue()
        self._wake = asyncio.Event()

    def consider(self, record: Record) -> None:
        """It was seen; its end or its time to live may be new."""
        at = deleted_at(record)
        if at is None:
            self._known.pop(record.uid, None)
        elif self._known.get(record.uid) != at:
            self._known[record.uid] = at
            heapq.heappush(self._heap, (at, at, record.uid))
            self._wake.set()

    def pruned(self, record: Record, receipt: Receipt) -> None:
        """The engine has dropped its job."""
        if record.generated and chosen_ttl(record) is None:
            self._pruned.put_nowait((record, receipt))
        else:
            receipt.done()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._by_time())
            group.create_task(self._by_prune())

    async def _by_time(self) -> None:
        while True:
            self._wake.clear()
            now = self._now()
            while self._heap and self._heap[0][0] <= now:
                _, at, uid = heapq.heappop(self._heap)
                if self._known.get(uid) == at:
                    await self._retire(uid, at)
            wait = min((self._heap[0][0] - now) / 1_000_000, 60.0) if self._heap else 60.0
            try:
                await asyncio.wait_for(self._wake.wait(), max(wait, PAUSE_SECONDS))
            except TimeoutError:
                continue

    async def _retire(self, uid: str, at: int) -> None:
        record = self._index.get(uid)
        if record is None or deleted_at(record) != at or await self._delete(record):
            del self._known[uid]
        else:
            heapq.heappush(self._heap, (self._now() + round(AGAIN_SECONDS * 1_000_000), at, uid))
        await asyncio.sleep(PAUSE_SECONDS)

    async def _by_prune(self) -> None:
        while True:
            record, receipt = await self._pruned.get()
            while not await self._delete(record):  # noqa: ASYNC110 - it is tried again, not waited for
                await asyncio.sleep(AGAIN_SECONDS)
            receipt.done()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _delete(self, record: Record) -> bool:
        """Whether it is gone, or another has its name."""
        try:
            await self._kube.delete(TASKJOBS.path(record.namespace, record.name), record.uid)
        except NotLeadingError:
            return False
        except KubeError as error:
            if error.says_missing(record.name) or error.status == 409:
                self._on_gone(record)
                return True
            logger.warning("TaskJob %s/%s cannot be deleted: %s", record.namespace, record.name, error)
            return False
        self._metrics.expired_objects.inc()
        return True
