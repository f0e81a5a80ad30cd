"""Snapshots of jobs become statuses of their TaskJobs; never an older one than what is already said."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from taskjob.model import Job, Micros
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.record import Record
from taskjob_operator.status import jobless
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import NOT_YET_SEEN, TaskJobStatus, read_status
from taskjob_operator.status.order import is_older
from taskjob_operator.writing.receipts import Receipt
from taskjob_operator.writing.writer import Writer


def wall_clock() -> Micros:
    return time.time_ns() // 1000


class Showing:
    def __init__(self, writer: Writer, kube: KubeClient, *, now: Callable[[], Micros] = wall_clock) -> None:
        self._writer = writer
        self._kube = kube
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
        self._writer.want(record, status, receipt)

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


def never_accepted(record: Record) -> bool:
    """Nothing was ever said of a job of it."""
    return record.job is None and record.written.reason in {"", NOT_YET_SEEN, jobless.API_UNAVAILABLE}
