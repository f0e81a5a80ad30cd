"""The half of the façade that changes nothing: looking at jobs, waiting for them, and why they wait.

It composes the store's snapshots with artifacts, wake-ups and words. It takes no decision that lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from taskjob.model import Attempt, Job, Micros, NamespaceStats, Queue, WorkerInfo
from taskjob_engine.artifacts import ArtifactStore
from taskjob_engine.events import CANCELLING, EVERY_JOB, EventHub, EventStream, LogWaiter
from taskjob_engine.holdings import JobArtifact, holdings
from taskjob_engine.holdoff import HoldOff
from taskjob_engine.logs import DeliveryLogs, LogPage
from taskjob_engine.policies import explain
from taskjob_engine.results import Results
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import DirtyJob, JobFilter, JobRef, JobStore, OwnedJob, Page, QueueLoad, Standing


class Reading:
    """The read verbs of `Engine`; it is never built alone."""

    def __init__(self, store: JobStore, artifacts: ArtifactStore, settings: EngineSettings, holdoff: HoldOff) -> None:
        self.settings = settings
        self.holdoff = holdoff
        self._store = store
        self._artifacts = artifacts
        self._results = Results(store, artifacts, settings.inline_result_bytes)
        self._logs = DeliveryLogs(artifacts, settings.log_limit_bytes)
        self._hub = EventHub()

    def now(self) -> Micros:
        """The store's clock."""
        return self._store.now()

    def standing(self) -> Standing:
        """Incarnation and last durable seq, for every reply; without I/O."""
        return self._store.standing()

    async def get(self, ref: JobRef) -> Job | None:
        [job] = await self._store.get([ref])
        return job

    async def get_all(self, refs: Sequence[JobRef]) -> list[Job | None]:
        """In order, None for each that is not there; one snapshot."""
        return await self._store.get(refs)

    async def jobs(self, where: JobFilter, *, limit: int, cursor: str | None = None) -> Page:
        return await self._store.jobs(where, limit=limit, cursor=cursor)

    async def count(self, where: JobFilter, *, limit: int) -> int:
        return await self._store.count(where, limit=limit)

    async def attempts(self, ref: JobRef) -> list[Attempt]:
        return await self._store.attempts(ref)

    async def queues(self, namespace: str) -> list[Queue]:
        return await self._store.queues(namespace)

    async def session(self, session: str) -> WorkerInfo | None:
        """See `JobStore.session`."""
        return await self._store.session(session)

    async def workers(self, namespace: str | None) -> list[WorkerInfo]:
        return await self._store.workers(namespace)

    async def stats(self, namespace: str | None) -> NamespaceStats:
        return await self._store.stats(namespace)

    async def audit(self) -> NamespaceStats:
        """Counts scanned from the tables, to judge the ledger by. Slow."""
        return await self._store.audit()

    async def changes(
        self, cluster_id: str, ack: Sequence[tuple[str, int]], limit: int, *, seconds: float = 0.0
    ) -> list[DirtyJob]:
        """As the store's; where it has nothing to tell, wait so long for something. No change is missed, also where
        wake-ups are lost. Empty when the time is over or the engine stops."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self._hub.wait_for_changes(cluster_id) as waiter:
            while True:
                generation = waiter.generation
                told = await self._store.changes(cluster_id, ack, limit)
                left = deadline - loop.time()
                if told or left <= 0 or self._hub.closed:
                    return told
                ack = ()
                await waiter.beyond(generation, seconds=min(left, self.settings.poll_seconds))

    async def owned(self, cluster_id: str, *, after: str | None, limit: int) -> list[OwnedJob]:
        return await self._store.owned(cluster_id, after=after, limit=limit)

    async def loads(self, names: Sequence[tuple[str, str]]) -> list[QueueLoad]:
        return await self._store.loads(names)

    async def managed_queues(self, cluster_id: str) -> list[tuple[str, str]]:
        return await self._store.managed_queues(cluster_id)

    async def explain(self, ref: JobRef) -> explain.Answer | None:
        """Why the job is where it is, in words, and what to do about it; None for an unknown job."""
        facts = await self._store.explain(ref)
        if facts is None:
            return None
        return explain.explain(facts, now=self._store.now(), holdoff_seconds=self.holdoff.remaining_seconds())

    async def wait(self, ref: JobRef, *, seconds: float) -> Job | None:
        """The job as soon as it is terminal, or as it is when the time is over (or the engine stops); None at once
        for an unknown one. No change is missed, also where wake-ups are lost: it looks again by itself."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self._hub.wait_for(ref.namespace, ref.id) as waiter:
            while True:
                generation = waiter.generation
                job = await self.get(ref)
                left = deadline - loop.time()
                if job is None or job.phase.is_terminal or left <= 0 or self._hub.closed:
                    return job
                await waiter.beyond(generation, seconds=min(left, self.settings.poll_seconds))

    def events(
        self, namespace: str, *, queue: str | None = None, job: str | None = None, cancelling: bool = False
    ) -> EventStream:
        """Hints about changed jobs, bounded per listener: a slow listener loses the oldest, never blocks another.
        `cancelling`: only about leased jobs whose cancel was requested. Listening begins with this call; end it with
        `aclose` or `async with`."""
        return self._hub.stream((namespace, CANCELLING if cancelling else job or EVERY_JOB), queue=queue)

    def following(self, ref: JobRef) -> LogWaiter:
        """For one who reads the log of a job while it grows: a hint at each chunk that this process keeps and at
        each change of the job. Look now and then without one, where several processes share a store."""
        return self._hub.wait_for_log(ref.namespace, ref.id)

    async def result(self, ref: JobRef) -> bytes | None:
        """The raw JSON result, from the store or its artifact; None where there is none."""
        job = await self.get(ref)
        return None if job is None else await self._results.read(job)

    async def artifacts(self, ref: JobRef) -> list[JobArtifact] | None:
        """What the job's deliveries left, in their order; None for an unknown job."""
        job = await self.get(ref)
        return None if job is None else await holdings(self._artifacts, job)

    async def logs(
        self, ref: JobRef, *, run: int | None = None, delivery: int | None = None, after: int = 0
    ) -> LogPage | None:
        """Text of one delivery's log (the last by default) from chunk `after` on; None for an unknown job or
        delivery. A page is bounded: read on from `next` until `complete`."""
        attempts = await self._store.attempts(ref)
        chosen = [a for a in attempts if run in {None, a.run} and delivery in {None, a.number}]
        if chosen:
            last = chosen[-1]
            ended = last.outcome is not None
            return await self._logs.read(ref.namespace, ref.id, last.run, last.number, after=after, ended=ended)
        if run is not None or delivery is not None or await self.get(ref) is None:
            return None
        return LogPage(next=after)
