"""Telling the api what TaskJobs say, in batches, and showing what it answers.

While the api is away nothing is lost and little is written: TaskJobs that were never accepted say so once, the rest
keep their status. One batch is in flight at a time; what comes meanwhile makes up the next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Sequence

import msgspec

from taskjob.wire.operator_messages import MAX_ITEMS, DeclaredJob, EnsuredJob, ReadChanges
from taskjob_operator.door import MAX_BODY_BYTES, Door, DoorError
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.metrics import Metrics
from taskjob_operator.reconcile.departures import Departures
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.owned import read_owned
from taskjob_operator.reconcile.predecessors import Predecessors
from taskjob_operator.reconcile.queue import WorkQueue
from taskjob_operator.reconcile.showing import Showing, never_accepted
from taskjob_operator.reconcile.specs import Spec, Specs
from taskjob_operator.record import Record, look
from taskjob_operator.status.jobless import API_UNAVAILABLE, PREDECESSOR_STOPPING
from taskjob_operator.status.order import Incarnations

logger = logging.getLogger(__name__)
OUTAGE_SECONDS = 2.0
"""An outage is told after so long."""

FOREIGN_SECONDS = 5.0
"""A job whose changes are not told to this cluster is asked for that often while it lives."""

UNAVAILABLE = "the operator cannot reach the api; it goes on trying"


class Ensuring:
    def __init__(
        self,
        *,
        door: Door,
        kube: KubeClient,
        index: Index,
        queue: WorkQueue,
        specs: Specs,
        predecessors: Predecessors,
        departures: Departures,
        showing: Showing,
        incarnations: Incarnations,
        metrics: Metrics,
    ) -> None:
        self._door = door
        self._kube = kube
        self._index = index
        self._queue = queue
        self._specs = specs
        self._predecessors = predecessors
        self._departures = departures
        self._showing = showing
        self._incarnations = incarnations
        self._metrics = metrics
        self._outage: float | None = None
        self._backoff = Backoff(first=0.2, most=10.0)

    async def run(self) -> None:
        await self._find_live_jobs()
        while True:
            uids = await self._queue.take(MAX_ITEMS)
            try:
                declared = [one for uid in uids if (one := await self._declare(uid)) is not None]
                for batch in _batches(declared):
                    await self._tell(batch)
            finally:
                self._queue.done(uids)
                self._see_off(uids)

    async def _find_live_jobs(self) -> None:
        """Before anything is told: what lives already, and in which life of the store."""
        while True:
            asked_at = time.monotonic()
            try:
                owned = await read_owned(self._door, self._departures.cluster_id)
                news = await self._door.changes(ReadChanges(cluster_id=self._departures.cluster_id, limit=1))
            except DoorError as error:
                await self._failed([], error)
                continue
            self._answered()
            self._incarnations.admit(news.incarnation, asked_at=asked_at, now=time.monotonic())
            self._predecessors.found((one.owner, one.job) for one in owned)
            return

    async def _declare(self, uid: str) -> tuple[Record, DeclaredJob] | None:
        record = self._index.get(uid)
        if record is None or record.gone or record.deleting or record.settled:
            self._specs.drop(uid)
            return None
        if record.written.phase == "Rejected":
            record.asked = record.ensured = record.generation
            await self._unless_unread(record, self._showing.answered(record))
            return None  # for good: it never had a job, and what it says cannot be taken back
        name = (record.namespace, record.name)
        for owner, job in self._predecessors.left_behind(name, uid):
            if self._index.get(owner.uid) is None:
                self._departures.disown(owner, job)
        if self._predecessors.stopping(name):
            self._showing.waiting(
                record, PREDECESSOR_STOPPING, "the job of the deleted TaskJob of this name has not ended yet"
            )
            return None  # its end brings this one back
        spec = self._specs.get(uid) or await self._read(record)
        if spec is None:
            return None
        record.asked = max(record.asked, spec.generation)
        return record, DeclaredJob(
            owner=self._departures.owner_of(record),
            spec=msgspec.Raw(spec.raw),
            labels=spec.labels,
            known_job=record.job,
            known_incarnation=self._known_incarnation(record),
        )

    def _known_incarnation(self, record: Record) -> str | None:
        """For a finished job, unless somebody has just asked for another run: the current one, so that it is never made
        anew, whatever became of the store."""
        if record.job is None:
            return None
        if record.written.final and not (record.edited and record.rerun > record.written.run):
            return self._incarnations.current
        return record.incarnation or None

    async def _read(self, record: Record) -> Spec | None:
        try:
            seen = look(msgspec.json.decode(await self._kube.get(TASKJOBS.path(record.namespace, record.name))))
        except KubeError as error:
            if error.says_missing(record.name):
                self._departures.suspect(record)
            else:
                self._queue.retry(record.uid)
            return None
        if seen.uid != record.uid:
            self._departures.suspect(record)
            return None
        record.see(seen)
        return Spec(generation=seen.generation, raw=seen.spec, labels=seen.labels)

    async def _tell(self, batch: Sequence[tuple[Record, DeclaredJob]]) -> None:
        asked_at = time.monotonic()
        try:
            with self._metrics.api_seconds.time():
                reply = await self._door.ensure([job for _, job in batch])
        except DoorError as error:
            await self._failed(batch, error)
            return
        self._answered()
        if not self._incarnations.admit(reply.incarnation, asked_at=asked_at, now=time.monotonic()):
            for record, _ in batch:
                self._queue.add(record.uid)
            return
        for (record, _), verdict in zip(batch, reply.jobs, strict=True):
            await self._take(record, verdict, reply.incarnation)

    async def _take(self, record: Record, verdict: EnsuredJob, incarnation: str) -> None:
        self._metrics.ensured.labels(verdict.outcome).inc()
        match verdict.outcome:
            case "owned" | "mirrored" if verdict.job is not None:
                self._index.link(record, verdict.job.id)
                record.incarnation = incarnation
                record.mirrored = verdict.outcome == "mirrored"
                record.ensured = record.asked
                self._showing.job(record, verdict.job, incarnation)
                owner = verdict.job.owner
                ours = owner is not None and owner.cluster_id == self._departures.cluster_id
                if record.mirrored and not ours and not verdict.job.phase.is_terminal:
                    self._queue.add(record.uid, FOREIGN_SECONDS)
            case "rejected":
                record.ensured = record.asked
                if record.written.final:
                    await self._unless_unread(record, self._showing.answered(record))
                else:
                    detail = f"{verdict.field}: {verdict.detail}" if verdict.field else verdict.detail or ""
                    self._showing.rejected(record, verdict.code or "Invalid", detail)
            case "expired":
                record.ensured = record.asked
                await self._unless_unread(record, self._showing.expired(record))
            case _:
                self._showing.waiting(record, verdict.code or "Deferred", verdict.detail or "")
                self._queue.retry(record.uid)
                return
        self._specs.drop(record.uid)
        self._queue.succeeded(record.uid)

    async def _unless_unread(self, record: Record, showing: Awaitable[None]) -> None:
        try:
            await showing
        except KubeError:
            record.ensured = 0
            self._queue.retry(record.uid)

    async def _failed(self, batch: Sequence[tuple[Record, DeclaredJob]], error: DoorError) -> None:
        if not error.transient and batch:
            await self._bisect(batch, error)
            return
        for record, _ in batch:
            self._queue.add(record.uid)
        now = time.monotonic()
        if self._outage is None:
            self._outage = now
            self._metrics.api_up.set(0)
            logger.warning("jobs cannot be told to the api: %s; trying again", error)
        elif now - self._outage > OUTAGE_SECONDS:
            self._tell_outage([record for record, _ in batch])
        await asyncio.sleep(max(self._backoff.next(), error.retry_after or 0.0))

    def _tell_outage(self, batch: Sequence[Record]) -> None:
        waiting = [self._index.get(uid) for uid in self._queue.waiting()]
        for record in (*batch, *waiting):
            if record is not None and not record.gone and never_accepted(record):
                self._showing.waiting(record, API_UNAVAILABLE, UNAVAILABLE)

    async def _bisect(self, batch: Sequence[tuple[Record, DeclaredJob]], error: DoorError) -> None:
        """One of them is at fault; the rest must not suffer."""
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._tell(batch[:middle])
            await self._tell(batch[middle:])
            return
        record, _ = batch[0]
        record.ensured = record.asked
        if not record.written.final:
            self._showing.rejected(record, error.code or "Invalid", error.detail)
        self._specs.drop(record.uid)

    def _answered(self) -> None:
        self._backoff.reset()
        self._metrics.api_up.set(1)
        if self._outage is not None:
            logger.warning("the api answers again after %.1f s", time.monotonic() - self._outage)
            self._outage = None

    def _see_off(self, uids: Sequence[str]) -> None:
        """Those that went away while the api was told of them."""
        for uid in uids:
            record = self._index.get(uid)
            if record is not None and (record.gone or record.deleting):
                self._departures.left(record)


def _batches(declared: list[tuple[Record, DeclaredJob]]) -> list[list[tuple[Record, DeclaredJob]]]:
    """Each small enough for one call."""
    batches: list[list[tuple[Record, DeclaredJob]]] = []
    room = 0
    for pair in declared:
        size = len(bytes(pair[1].spec)) + 1024
        if size > room or not batches:
            batches.append([])
            room = MAX_BODY_BYTES
        batches[-1].append(pair)
        room -= size
    return batches
