"""The status writer: the latest status of each TaskJob, when the budget allows, as fast as the pace allows.

It is the only one that writes statuses. A status that is superseded before its time is never written. What the API
server refuses as stale is dropped and read again; what it refuses for good is not tried twice.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.leadership import NotLeadingError
from taskjob_operator.metrics import Metrics
from taskjob_operator.record import MalformedError, Record, Standing, look, standing_of
from taskjob_operator.status.document import TaskJobStatus
from taskjob_operator.writing.budget import Draft, drafted, due_at
from taskjob_operator.writing.pace import Pace
from taskjob_operator.writing.receipts import Receipt

logger = logging.getLogger(__name__)
UNCERTAIN_SECONDS = 0.5
"""How soon to try again what could not be written because the Lease was not held for certain."""


class _Meta(msgspec.Struct):
    resource_version: str = msgspec.field(default="", name="resourceVersion")


class _Answer(msgspec.Struct):
    metadata: _Meta


class _Entry:
    __slots__ = ("backoff", "before", "draft", "not_before", "receipts", "record", "status")

    def __init__(self, record: Record, status: TaskJobStatus, draft: Draft) -> None:
        self.record = record
        self.status = status
        self.draft = draft
        self.receipts: list[Receipt] = []
        self.backoff: Backoff | None = None
        self.not_before = 0.0
        self.before: Standing | None = None
        """What the object said before the first try to write: a try without an answer may have taken effect."""

    def due(self) -> float:
        return max(due_at(self.draft, self.record.written, self.record.last_write), self.not_before)

    def take_over(self, earlier: _Entry) -> None:
        """Take the place of an entry of the same object that was not written, or may not have been."""
        self.receipts = earlier.receipts + self.receipts
        self.backoff, self.not_before, self.before = earlier.backoff, earlier.not_before, earlier.before

    def dropped(self) -> None:
        for receipt in self.receipts:
            receipt.done()
        self.receipts = []


class Writer:
    """`on_gone` hears of objects that seem to be gone, `on_read` gets what was read again after a refusal, `on_write`
    hears of each status that was written: whose it is, what was said before, and what is said now."""

    def __init__(
        self,
        kube: KubeClient,
        pace: Pace,
        metrics: Metrics,
        *,
        on_gone: Callable[[Record], None],
        on_read: Callable[[dict[str, Any]], None],
        on_write: Callable[[Record, Standing, TaskJobStatus], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._pace = pace
        self._metrics = metrics
        self._on_gone = on_gone
        self._on_read = on_read
        self._on_write = on_write
        self._clock = clock
        self._wanted: dict[str, _Entry] = {}
        self._flying: dict[str, _Entry] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._count = itertools.count()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._wanted) + len(self._flying)

    def latest(self, record: Record) -> TaskJobStatus | None:
        """What will be written of it, or is being written, if anything."""
        entry = self._wanted.get(record.uid) or self._flying.get(record.uid)
        return None if entry is None else entry.status

    def writes(self, record: Record, standing: Standing) -> bool:
        """Whether this very status is on its way to the object: its echo may come before the answer."""
        flying = self._flying.get(record.uid)
        return flying is not None and flying.draft.standing.digest == standing.digest

    def want(self, record: Record, status: TaskJobStatus, receipt: Receipt | None = None) -> None:
        """Have the object say this. `receipt` is done when it does, or when that is moot."""
        standing = standing_of(status)
        flying = self._flying.get(record.uid)
        before = self._wanted.get(record.uid)
        told = flying.draft.standing.digest if flying is not None else record.written.digest
        if standing.digest in {told, record.refused}:
            if before is not None:
                self._wanted.pop(record.uid)
                before.dropped()
            if receipt is not None:
                (flying.receipts.append if flying is not None else Receipt.done)(receipt)
            return
        draft = drafted(standing, before.draft if before is not None else None, self._clock())
        entry = _Entry(record, status, draft)
        if before is not None:
            entry.take_over(before)
        if receipt is not None:
            entry.receipts.append(receipt)
        self._wanted[record.uid] = entry
        if flying is None:
            self._push(record.uid, entry.due())

    def forget(self, record: Record) -> None:
        """The object is gone for good."""
        if (entry := self._wanted.pop(record.uid, None)) is not None:
            entry.dropped()

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as writes:
            while True:
                uid = await self._next()
                await self._pace.enter()
                entry = self._wanted.pop(uid, None)
                if entry is None:  # withdrawn meanwhile
                    await self._pace.failed()
                    continue
                self._flying[uid] = entry
                writes.create_task(self._write(uid, entry))

    async def flush(self, seconds: float) -> None:
        """Wait until nothing is due or in flight, or the time is over."""
        end = self._clock() + seconds
        while (now := self._clock()) < end and (  # noqa: ASYNC110 - bounded by a clock
            self._flying or any(entry.due() <= now for entry in self._wanted.values())
        ):
            await asyncio.sleep(0.02)

    async def _next(self) -> str:
        """The uid of the next status whose time has come."""
        while True:
            now = self._clock()
            while self._heap and self._heap[0][0] <= now:
                _, _, uid = heapq.heappop(self._heap)
                entry = self._wanted.get(uid)
                if entry is None or uid in self._flying:
                    continue
                if (due := entry.due()) > now:
                    self._push(uid, due)
                    continue
                return uid
            self._wake.clear()
            timeout = self._heap[0][0] - now if self._heap else None
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                continue

    def _push(self, uid: str, due: float) -> None:
        heapq.heappush(self._heap, (due, next(self._count), uid))
        if self._heap[0][2] == uid:  # True: who is woken for nothing looks and waits again
            self._wake.set()

    async def _write(self, uid: str, entry: _Entry) -> None:
        record = entry.record
        before = entry.before = entry.before or record.written
        try:
            answer = await self._kube.put_status(
                TASKJOBS.path(record.namespace, record.name), uid, entry.status.written()
            )
        except KubeError as error:
            await self._refused(entry, error)
        except NotLeadingError:
            # A renewal that comes late may still save the term; where it does not, this process ends soon.
            await self._pace.failed()
            self._again(entry, UNCERTAIN_SECONDS)
        else:
            await self._pace.went_well()
            self._metrics.status_writes.labels("written").inc()
            record.last_write = self._clock()
            record.refused = None
            text = msgspec.json.decode(answer, type=_Answer).metadata.resource_version
            version = int(text) if text.isdigit() else record.version
            if version >= record.version:  # else the watch has shown a later one, which may say something else
                record.version = version
                record.written = entry.draft.standing
            entry.dropped()
            self._on_write(record, before, entry.status)
        finally:
            self._flying.pop(uid, None)
            if (waiting := self._wanted.get(uid)) is not None:
                self._push(uid, waiting.due())

    async def _refused(self, entry: _Entry, error: KubeError) -> None:
        record = entry.record
        if error.status == 429:
            await self._pace.told_off(error.retry_after)
            self._metrics.status_writes.labels("throttled").inc()
            self._again(entry, 0.0)
            return
        await self._pace.failed()
        if error.says_missing(record.name):
            self._metrics.status_writes.labels("gone").inc()
            entry.dropped()
            self._on_gone(record)
        elif error.transient or error.status == 404:
            self._metrics.status_writes.labels("failed").inc()
            entry.backoff = entry.backoff or Backoff(first=0.5, most=60.0)
            if entry.backoff.tries == 0:
                logger.warning("status of %s/%s: %s; trying again", record.namespace, record.name, error)
            self._again(entry, max(entry.backoff.next(), error.retry_after or 0.0))
        else:
            await self._settle_refusal(entry, error)

    async def _settle_refusal(self, entry: _Entry, error: KubeError) -> None:
        """422: a namesake has its place, or the object already says something later, or the status is not to its
        schema's liking."""
        record = entry.record
        try:
            raw = msgspec.json.decode(await self._kube.get(TASKJOBS.path(record.namespace, record.name)))
            seen = look(raw)
        except (KubeError, MalformedError) as unread:
            if isinstance(unread, KubeError) and unread.says_missing(record.name):
                entry.dropped()
                self._on_gone(record)
            else:
                self._again(entry, 5.0)
            return
        if seen.uid != record.uid:
            self._metrics.status_writes.labels("gone").inc()
            entry.dropped()
            self._on_gone(record)
            return
        known = record.written.digest
        self._on_read(raw)
        if seen.standing.digest == known:  # nothing new there: it is our status that cannot be written
            logger.error("status of %s/%s is refused: %s", record.namespace, record.name, error)
            record.refused = entry.draft.standing.digest
        self._metrics.status_writes.labels("stale" if seen.standing.digest != known else "refused").inc()
        entry.dropped()

    def _again(self, entry: _Entry, seconds: float) -> None:
        """The same status later, unless a newer one is wanted by then."""
        entry.not_before = self._clock() + seconds
        newer = self._wanted.get(entry.record.uid)
        if newer is None:
            self._wanted[entry.record.uid] = entry
        else:
            newer.take_over(entry)
