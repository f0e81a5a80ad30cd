"""`jobs/ensure`: a batch of TaskJobs, each brought to what it says now, in a handful of flushes for all of them.

Read what is known, submit the rest, look at what is there, converge what differs, look again at what changed. Each
step may be cut off: the next call begins anew and finds the job by its key.
"""

from __future__ import annotations

import asyncio

from taskjob.errors import InvalidError
from taskjob.model import Job
from taskjob.wire.operator_messages import DeclaredJob, EnsuredJob, EnsureJobs, JobsEnsured
from taskjob_api.operator_door.converge import Steps
from taskjob_api.operator_door.declared import WantedJob, read_declared
from taskjob_api.operator_door.snapshot import snapshot
from taskjob_engine.engine import Engine
from taskjob_engine.store import JobRef, Submitted

_EXPIRED = EnsuredJob(outcome="expired")
_READ_AT_ONCE = 50
"""Documents read before others get their turn on the event loop."""


async def ensure_jobs(engine: Engine, request: EnsureJobs) -> JobsEnsured:
    batch = _Batch(engine, request.jobs)
    await batch.read()
    await batch.find_known()
    await batch.submit_the_rest()
    await batch.converge()
    # Told last: a snapshot from before a rotation under the new incarnation is corrected by the rows that the rotation
    # made; one from after it under the old incarnation would look like a job that is gone.
    verdicts = batch.verdicts()
    engine.recorder.ensured(verdict.outcome for verdict in verdicts)
    return JobsEnsured(incarnation=engine.standing().incarnation, jobs=verdicts)


class _Batch:
    """The state of one call, by the number of the item."""

    def __init__(self, engine: Engine, items: tuple[DeclaredJob, ...]) -> None:
        self._engine = engine
        self._items = items
        self._done: dict[int, EnsuredJob] = {}
        self._wanted: dict[int, WantedJob] = {}
        self._jobs: dict[int, Job] = {}

    async def read(self) -> None:
        for number, item in enumerate(self._items):
            if number % _READ_AT_ONCE == _READ_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                self._wanted[number] = read_declared(item)
            except InvalidError as error:
                first = getattr(error, "errors", (error,))[0]
                self._done[number] = _rejected(error.code, first.detail, first.field)

    async def find_known(self) -> None:
        """Jobs that the objects' status names. One that is missing under the incarnation that the status knows was
        pruned; a job of another key is none of the object's, whatever its status says."""
        refs = {
            number: JobRef(namespace=wanted.namespace, id=known)
            for number, wanted in self._wanted.items()
            if (known := self._items[number].known_job) is not None
        }
        found = await self._get(refs)
        incarnation = self._engine.standing().incarnation
        for number in refs:
            job = found.get(number)
            if job is None:
                if self._items[number].known_incarnation == incarnation:
                    self._done[number] = _EXPIRED
            elif job.idempotency_key == self._wanted[number].submission.idempotency_key:
                self._jobs[number] = job

    async def submit_the_rest(self) -> None:
        numbers = [n for n in self._wanted if n not in self._done and n not in self._jobs]
        if not numbers:
            return
        verdicts = await self._engine.submit([self._wanted[n].submission for n in numbers])
        there: dict[int, JobRef] = {}
        for number, verdict in zip(numbers, verdicts, strict=True):
            if verdict.outcome in {"created", "existing"}:
                there[number] = JobRef(namespace=self._wanted[number].namespace, id=verdict.id)
            else:
                self._done[number] = _refusal(self._wanted[number], verdict)
        found = await self._get(there)
        self._jobs |= found
        # Its key outlives a pruned job.
        self._done |= dict.fromkeys(there.keys() - found.keys(), _EXPIRED)

    async def converge(self) -> None:
        steps = Steps()
        changing = {
            number: JobRef(namespace=job.namespace, id=job.id)
            for number, job in self._jobs.items()
            if self._is_owned(number) and steps.add(job, self._wanted[number])
        }
        if not changing:
            return
        await steps.take(self._engine)
        found = await self._get(changing)
        for number in changing:
            if number in found:
                self._jobs[number] = found[number]
            else:
                del self._jobs[number]
                self._done[number] = _EXPIRED

    def verdicts(self) -> tuple[EnsuredJob, ...]:
        return tuple(self._done.get(number) or self._verdict(number) for number in range(len(self._items)))

    def _verdict(self, number: int) -> EnsuredJob:
        job = snapshot(self._jobs[number])
        return EnsuredJob(outcome="owned" if self._is_owned(number) else "mirrored", job=job)

    def _is_owned(self, number: int) -> bool:
        """By the UID alone: the cluster's id is the operator's to choose, and converges like the rest."""
        owner = self._jobs[number].owner
        return owner is not None and owner.uid == self._wanted[number].owner.uid

    async def _get(self, refs: dict[int, JobRef]) -> dict[int, Job]:
        if not refs:
            return {}
        found = await self._engine.get_all(list(refs.values()))
        return {number: job for number, job in zip(refs, found, strict=True) if job is not None}


def _refusal(wanted: WantedJob, verdict: Submitted) -> EnsuredJob:
    if verdict.outcome == "conflict":
        detail = f"the key {wanted.submission.idempotency_key!r} belongs to job {verdict.id}, of another document"
        return _rejected("KeyConflict", detail, "/spec/idempotencyKey")
    if verdict.code == "QuotaExceeded":
        return EnsuredJob(outcome="deferred", code=verdict.code, detail=verdict.detail, field="/spec/queue")
    return _rejected(verdict.code or "Invalid", verdict.detail or "", None)


def _rejected(code: str, detail: str, field: str | None) -> EnsuredJob:
    return EnsuredJob(outcome="rejected", code=code, detail=detail, field=field)
