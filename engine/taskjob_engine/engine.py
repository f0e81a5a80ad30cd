"""The façade: everything a door (REST, gateway, dashboard) may ask of the engine.

It owns order and policy around the store's verbs: hold-off, result and log placement, dispatch of ready work to
waiting sessions, wake-ups for waiting callers, and metrics. It holds no durable truth. Stores emit nothing;
instrumentation stands here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from taskjob.model import Attempt, Job, Micros, NamespaceStats, Queue, WorkerInfo
from taskjob_engine.artifacts import ArtifactStore, lease_prefix
from taskjob_engine.events import EventHub, EventStream
from taskjob_engine.logs import DeliveryLogs, LogPage
from taskjob_engine.results import Results
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import (
    Amendment,
    Changed,
    DirtyJob,
    Explanation,
    JobFilter,
    JobRef,
    JobStore,
    Page,
    QueueChange,
    Renewal,
    Renewed,
    Rerun,
    SessionEnd,
    SessionOpen,
    Settled,
    Settlement,
    Standing,
    StoreInfo,
    Submission,
    Submitted,
    WakeUp,
)

if TYPE_CHECKING:
    from taskjob_engine.dispatcher import Dispatcher

__all__ = ["Engine", "EventStream", "LogPage"]


class Engine:
    """Belongs to one event loop. Build it, `start` it, ask it, `stop` it."""

    def __init__(
        self,
        store: JobStore,
        artifacts: ArtifactStore,
        settings: EngineSettings,
        *,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        if dispatcher is None:
            from taskjob_engine.dispatcher import Dispatcher  # noqa: PLC0415 - until the dispatcher stands

            dispatcher = Dispatcher(store)
        self.settings = settings
        self.dispatcher = dispatcher
        self._store = store
        self._artifacts = artifacts
        self._results = Results(store, artifacts, settings.inline_result_bytes)
        self._logs = DeliveryLogs(artifacts, settings.log_limit_bytes)
        self._hub = EventHub()
        self._unwatch: Callable[[], None] | None = None

    async def start(self) -> StoreInfo:
        """Open the store, begin hold-off for one TTL, start maintenance."""
        info = await self._store.open()
        await self._artifacts.open()
        self._unwatch = self._store.watch(self._wake)
        return info

    async def stop(self) -> None:
        """Stop maintenance and dispatch, flush, close. Sessions live on in the store. Safe to call twice."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self._hub.close()
        await self._store.close()
        await self._artifacts.close()

    # ---- the store
    def now(self) -> Micros:
        """The store's clock."""
        return self._store.now()

    def standing(self) -> Standing:
        """Incarnation and last durable seq, for every reply."""
        return self._store.standing()

    async def witness(self, incarnation: str, seq: int) -> Standing:
        """Tell the store what a peer saw; see `JobStore.witness`."""
        return await self._store.witness(incarnation, seq)

    async def changes(self, cluster_id: str, ack: Sequence[tuple[str, int]], limit: int) -> list[DirtyJob]:
        return await self._store.changes(cluster_id, ack, limit)

    async def audit(self) -> NamespaceStats:
        return await self._store.audit()

    async def backup(self, target: str) -> None:
        await self._store.backup(target)

    # ---- people
    async def submit(self, items: Sequence[Submission]) -> list[Submitted]:
        """Durable when it returns. Sessions that wait for such work are asked in the same flush."""
        accepted = asyncio.ensure_future(self._store.submit(items, create_queues=self.settings.create_queues))
        self.dispatcher.anticipate(items)
        return await accepted

    async def cancel(self, refs: Sequence[JobRef]) -> list[Changed]:
        return await self._store.cancel(refs)

    async def rerun(self, items: Sequence[Rerun]) -> list[Changed]:
        return await self._store.rerun(items)

    async def amend(self, items: Sequence[Amendment]) -> list[Changed]:
        return await self._store.amend(items)

    async def purge(self, refs: Sequence[JobRef]) -> list[Changed]:
        return await self._store.purge(refs)

    async def put_queue(self, change: QueueChange) -> Queue:
        return await self._store.put_queue(change)

    async def get(self, ref: JobRef) -> Job | None:
        [job] = await self._store.get([ref])
        return job

    async def jobs(self, where: JobFilter, *, limit: int, cursor: str | None = None) -> Page:
        return await self._store.jobs(where, limit=limit, cursor=cursor)

    async def count(self, where: JobFilter, *, limit: int) -> int:
        return await self._store.count(where, limit=limit)

    async def attempts(self, ref: JobRef) -> list[Attempt]:
        return await self._store.attempts(ref)

    async def explain(self, ref: JobRef) -> Explanation | None:
        return await self._store.explain(ref)

    async def queues(self, namespace: str) -> list[Queue]:
        return await self._store.queues(namespace)

    async def workers(self, namespace: str | None) -> list[WorkerInfo]:
        return await self._store.workers(namespace)

    async def stats(self, namespace: str | None) -> NamespaceStats:
        return await self._store.stats(namespace)

    async def wait(self, ref: JobRef, *, seconds: float) -> Job | None:
        """The job as soon as it is terminal, or as it is when the time is over; None at once for an unknown one."""
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

    def events(self, namespace: str, *, queue: str | None = None, job: str | None = None) -> EventStream:
        """Hints about changed jobs, bounded per listener: a slow listener loses the oldest, never blocks another.
        Listening begins with this call; end it with `aclose` or `async with`."""
        return self._hub.stream(namespace, queue=queue, job=job)

    async def result(self, ref: JobRef) -> bytes | None:
        """The raw JSON result, from the store or its artifact; None where there is none."""
        job = await self.get(ref)
        return None if job is None else await self._results.read(job)

    async def logs(
        self, ref: JobRef, *, run: int | None = None, delivery: int | None = None, after: int = 0
    ) -> LogPage | None:
        """Text of one delivery's log (the last by default) from chunk `after` on; None for an unknown job or
        delivery."""
        attempts = await self._store.attempts(ref)
        chosen = [a for a in attempts if run in {None, a.run} and delivery in {None, a.number}]
        if chosen:
            last = chosen[-1]
            ended = last.outcome is not None
            return await self._logs.read(ref.namespace, ref.id, last.run, last.number, after=after, ended=ended)
        if run is not None or delivery is not None or await self.get(ref) is None:
            return None
        return LogPage(next=after)

    # ---- workers
    async def open_session(self, session: SessionOpen) -> int:
        return await self._store.session_open(session)

    async def renew(self, renewal: Renewal) -> Renewed:
        [renewed] = await self._store.session_renew([renewal])
        return renewed

    async def close_session(self, end: SessionEnd) -> bool:
        [closed] = await self._store.session_close([end])
        return closed

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """As the store's; results above the inline size are put into an artifact first."""
        return await self._results.settle(items)

    async def append_log(
        self, *, namespace: str, job: str, run: int, delivery: int, lease: str, number: int, text: str
    ) -> None:
        """Keep one chunk; a repeat of its number is ignored; beyond the limit it is dropped and that is recorded.
        The caller has checked that the session holds the lease."""
        await self._logs.append(lease_prefix(namespace, job, run, delivery, lease), number, text)

    def _wake(self, wakeups: Sequence[WakeUp]) -> None:
        self.dispatcher.wake(wakeups)
        self._hub.publish(wakeups)
