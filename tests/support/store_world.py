"""A store under test with its clock, and short words for what tests do to it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from clocks import EvenRandom, ManualClock

from taskjob.model import Attempt, AttemptOutcome, ErrorInfo, Job, Queue, QueueLimits
from taskjob_engine.store import (
    Granted,
    JobFilter,
    JobRef,
    JobStore,
    Leased,
    LeaseRequest,
    ProgressMark,
    QueueChange,
    Renewal,
    Renewed,
    Rerun,
    SessionEnd,
    SessionOpen,
    SessionRef,
    Settled,
    Settlement,
    StartMark,
    Submission,
    Submitted,
)

TTL = 15.0
ALL = 1_000


class Worker:
    """One session as its worker sees it."""

    def __init__(self, world: World, session: str, *, principal: str, epoch: int, namespace: str) -> None:
        self.world = world
        self.session = session
        self.principal = principal
        self.epoch = epoch
        self.namespace = namespace

    @property
    def ref(self) -> SessionRef:
        return SessionRef(session=self.session, epoch=self.epoch, principal=self.principal)

    async def lease_call(self, n: int = 1, **more: Any) -> Leased:
        [leased] = await self.world.store.lease([LeaseRequest(ref=self.ref, n=n, **more)])
        return leased

    async def lease(self, n: int = 1, **more: Any) -> list[Granted]:
        return list((await self.lease_call(n, **more)).grants)

    async def lease_one(self) -> Granted:
        [granted] = await self.lease(1)
        return granted

    async def renew(self, **more: Any) -> Renewed:
        [answer] = await self.world.store.session_renew([Renewal(ref=self.ref, ttl_seconds=TTL, **more)])
        return answer

    async def start(self, *grants: Granted, ago_seconds: float = 0.0) -> Renewed:
        marks = (StartMark(job=g.job, lease=g.lease, ago_seconds=ago_seconds) for g in grants)
        return await self.renew(started=tuple(marks))

    async def report(self, grant: Granted, **what: Any) -> Renewed:
        return await self.renew(progress=(ProgressMark(job=grant.job, lease=grant.lease, **what),))

    async def close(self, **more: Any) -> bool:
        [done] = await self.world.store.session_close([SessionEnd(ref=self.ref, **more)])
        return done.closed

    def settlement(self, grant: Granted, outcome: AttemptOutcome, **more: Any) -> Settlement:
        return Settlement(
            job=grant.job, lease=grant.lease, session=self.session, principal=self.principal, outcome=outcome, **more
        )

    async def settle(self, grant: Granted, outcome: AttemptOutcome, **more: Any) -> Settled:
        [verdict] = await self.world.store.settle([self.settlement(grant, outcome, **more)])
        return verdict

    async def complete(self, grant: Granted, **more: Any) -> Settled:
        return await self.settle(grant, AttemptOutcome.COMPLETED, **more)

    async def fail(self, grant: Granted, error: str = "ValueError", **more: Any) -> Settled:
        return await self.settle(grant, AttemptOutcome.FAILED, error=ErrorInfo(type=error, message="no"), **more)


class World:
    """`store` is open. `reopen` closes it and opens its data again, where it keeps any."""

    def __init__(self, store: JobStore, clock: ManualClock, reopen: Callable[[], Awaitable[JobStore]]) -> None:
        self.store = store
        self.clock = clock
        self._reopen = reopen
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        """Ids in order of making, the same in every run."""
        return f"{next(self._numbers):032x}"

    async def reopen(self) -> None:
        self.store = await self._reopen()

    def submission(self, **fields: Any) -> Submission:
        given = {"id": self.new_id(), "namespace": "default", "queue": "default", "task": "demo"}
        return Submission(**(given | fields))

    async def submit_call(self, *items: Submission, create_queues: bool = True) -> list[Submitted]:
        return await self.store.submit(items, create_queues=create_queues)

    async def submit(self, **fields: Any) -> str:
        """One job that must be created; its id."""
        [verdict] = await self.submit_call(self.submission(**fields))
        assert verdict.outcome == "created", verdict
        return verdict.id

    async def worker(self, session: str = "", **fields: Any) -> Worker:
        given: dict[str, Any] = {
            "session": session or self.new_id(),
            "principal": "token:worker",
            "worker": "w1",
            "namespace": "default",
            "queues": ("default",),
            "tasks": ("demo",),
            "slots": 10,
            "carrier": "tcp",
            "ttl_seconds": TTL,
        }
        opening = SessionOpen(**(given | fields))
        epoch = await self.store.session_open(opening)
        return Worker(self, opening.session, principal=opening.principal, epoch=epoch, namespace=opening.namespace)

    async def queue(self, name: str = "default", *, namespace: str = "default", **change: Any) -> Queue:
        limits = {key: change.pop(key) for key in QueueLimits.__struct_fields__ if key in change}
        if limits:
            change["limits"] = QueueLimits(**limits)
        return await self.store.put_queue(QueueChange(namespace=namespace, name=name, **change))

    async def job(self, job: str, namespace: str = "default") -> Job:
        [found] = await self.store.get([JobRef(namespace=namespace, id=job)])
        assert found is not None, f"{job} is not there"
        return found

    async def exists(self, job: str, namespace: str = "default") -> bool:
        [found] = await self.store.get([JobRef(namespace=namespace, id=job)])
        return found is not None

    async def attempts(self, job: str) -> list[Attempt]:
        return await self.store.attempts(JobRef(namespace="default", id=job))

    async def cancel(self, job: str) -> Any:
        [verdict] = await self.store.cancel([JobRef(namespace="default", id=job)])
        return verdict

    async def rerun(self, job: str, request_id: str = "r1") -> Any:
        [verdict] = await self.store.rerun([Rerun(ref=JobRef(namespace="default", id=job), request_id=request_id)])
        return verdict

    async def expire(self) -> Any:
        return await self.store.expire(ALL)

    async def promote(self) -> Any:
        return await self.store.promote(ALL)

    async def all_jobs(self, namespace: str = "default") -> list[Job]:
        jobs, cursor = [], None
        while True:
            page = await self.store.jobs(JobFilter(namespace=namespace), limit=ALL, cursor=cursor)
            jobs.extend(page.jobs)
            if (cursor := page.cursor) is None:
                return jobs

    async def check_conservation(self) -> None:
        """G7, and the ledger against what the tables hold, and against what can be listed."""
        stats, audit = await self.store.stats(None), await self.store.audit()
        assert stats.conserved, stats
        assert stats.queues == audit.queues
        for namespace in {counts.namespace for counts in stats.queues}:
            listed = await self.all_jobs(namespace)
            held = sum(c.accepted - c.purged for c in stats.queues if c.namespace == namespace)
            assert len(listed) == held


Opener = Callable[[Path, ManualClock], AbstractAsyncContextManager[World]]


@asynccontextmanager
async def memory_world(path: Path, clock: ManualClock) -> AsyncIterator[World]:
    from taskjob_engine.stores.memory import MemoryStore  # noqa: PLC0415 - a store is imported by its own tests only

    store = MemoryStore(clock=clock, random=EvenRandom(1))

    async def reopen() -> JobStore:
        await store.close()
        await store.open()
        return store

    await store.open()
    try:
        yield World(store, clock, reopen)
    finally:
        await store.close()


@asynccontextmanager
async def sqlite_world(path: Path, clock: ManualClock) -> AsyncIterator[World]:
    from taskjob_engine.stores.sqlite import SQLiteStore  # noqa: PLC0415 - as above

    chance = EvenRandom(1)  # goes on over restarts: a lease id never recurs

    def make() -> SQLiteStore:
        return SQLiteStore(path / "taskjob.db", clock=clock, random=chance)

    async def reopen() -> JobStore:
        await world.store.close()
        store = make()
        await store.open()
        return store

    first = make()
    await first.open()
    world = World(first, clock, reopen)
    try:
        yield world
    finally:
        await world.store.close()


STORES: dict[str, Opener] = {"memory": memory_world, "sqlite": sqlite_world}
