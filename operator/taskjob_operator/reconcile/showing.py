"""Snapshots of jobs become statuses of their TaskJobs; never an older one than what is already said."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from taskjob.model import Job, Micros
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.queues.stoppages import Stoppages
from taskjob_operator.record import Record, standing_of
from taskjob_operator.status import jobless
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import NOT_YET_SEEN, TaskJobStatus, digest_of, read_status
from taskjob_operator.status.order import is_older
from taskjob_operator.status.queued import QUEUED, queued
from taskjob_operator.writing.receipts import Receipt
from taskjob_operator.writing.writer import Writer


def wall_clock() -> Micros:
    return time.time_ns() // 1000


class Showing:
    def __init__(
        self, writer: Writer, kube: KubeClient, stoppages: Stoppages, *, now: Callable[[], Micros] = wall_clock
    ) -> None:
        self._writer = writer
        self._kube = kube
        self._stoppages = stoppages
        self._now = now

    def job(self, record: Record, job: Job, incarnation: str, receipt: Receipt | None = None) -> None:
        """Show a snapshot. `receipt` is done once the object says so, or something later."""
        latest = self._writer.latest(record)
        if is_older(job, incarnation, than=record.written if latest is None else latest):
            if receipt is not None:
                receipt.done()
            return
        status = status_of(
            job,
            generation=self._observed(record),
            incarnation=incarnation,
            mirrored=record.mirrored,
            now=self._now(),
        )
        if status.phase == QUEUED:
            if self._stoppages.knows(job.namespace, job.queue):
                status = queued(status, job.queue, self._stoppages.of(job.namespace, job.queue))
            elif _says_another_reason(record, status):
                if receipt is not None:
                    receipt.done()
                return
        self._writer.want(record, status, receipt)

    async def queued(self, record: Record) -> None:
        """Say of a job that waits what stops its queue now, unless something else is to be said of it."""
        said = record.written.digest
        last = await self._read(record)
        moved = record.written.digest != said or self._writer.latest(record) is not None
        if last is not None and not moved and last.phase == QUEUED and digest_of(last) == said:
            stoppage = self._stoppages.of(record.namespace, record.queue)
            self._writer.want(record, queued(last, record.queue, stoppage))

    def waiting(self, record: Record, reason: str, message: str) -> None:
        """Say why the engine does not have it yet; a TaskJob whose job is known keeps its status."""
        if record.job is not None or record.written.final:
            return
        status = jobless.waiting(reason, message, generation=record.generation, now=self._now())
        self._writer.want(record, status)

    def rejected(self, record: Record, code: str, message: str) -> None:
        """A finished TaskJob stays what it is and answers its new spec."""
        self._writer.want(
            record,
            jobless.rejected(
                code, message, generation=record.asked, run=max(record.written.run, record.rerun), now=self._now()
            ),
        )

    async def expired(self, record: Record) -> None:
        """The engine has pruned its job."""
        if (last := await self._read(record)) is not None:
            self._writer.want(record, jobless.expired(last, generation=record.asked, now=self._now()))

    async def answered(self, record: Record) -> None:
        """Its spec changed in a way that changes nothing about a finished job."""
        if (last := await self._read(record)) is not None:
            self._writer.want(record, jobless.answering(last, record.asked))

    async def _read(self, record: Record) -> TaskJobStatus | None:
        """What the object says now; None where it is gone."""
        try:
            raw = msgspec.json.decode(await self._kube.get(TASKJOBS.path(record.namespace, record.name)))
        except KubeError as error:
            if error.transient:
                raise
            return None
        return read_status(raw.get("status")) if raw["metadata"]["uid"] == record.uid else None

    @staticmethod
    def _observed(record: Record) -> int:
        """The generation that a snapshot answers: what the api was told of, and never less than what was said."""
        return max(record.ensured or record.asked, record.written.observed)


def _says_another_reason(record: Record, status: TaskJobStatus) -> bool:
    """The object says of this very revision what an earlier process knew of its queue; this one does not know yet."""
    written, now = record.written, standing_of(status)
    same = (written.key[0], written.incarnation, written.run, written.revision, written.observed) == (
        now.key[0],
        now.incarnation,
        now.run,
        now.revision,
        now.observed,
    )
    return same and written.reason != now.reason


def never_accepted(record: Record) -> bool:
    """Nothing was ever said of a job of it."""
    return record.job is None and record.written.reason in {"", NOT_YET_SEEN, jobless.API_UNAVAILABLE}
