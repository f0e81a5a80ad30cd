"""An engine over a real store and real files, with clocks that the test moves and rounds that it waits for."""

from __future__ import annotations

import asyncio
import importlib.util
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from clocks import START, EvenRandom
from store_world import STORES

from taskjob.model import AttemptOutcome, ErrorInfo
from taskjob_engine import stores
from taskjob_engine.artifacts.file import FileArtifactStore
from taskjob_engine.clock import StoreClock
from taskjob_engine.engine import Engine
from taskjob_engine.holdoff import HoldOff
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import (
    Granted,
    JobRef,
    JobStore,
    LeaseRequest,
    Renewal,
    Renewed,
    SessionEnd,
    SessionOpen,
    SessionRef,
    Settled,
    Settlement,
    StartMark,
    StoreInfo,
    Submission,
)

TTL = 15.0
SETTINGS = EngineSettings(session_ttl_seconds=TTL, maintenance_seconds=0.02, prune_seconds=0.02, poll_seconds=0.05)


class Hands:
    """A wall and a monotonic clock."""

    def __init__(self) -> None:
        self.wall = START
        self.monotonic = 10**12

    def pass_(self, seconds: float) -> None:
        self.wall += round(seconds * 1_000_000)
        self.monotonic += round(seconds * 1_000_000)

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self.wall += round(seconds * 1_000_000)


class Rounds:
    """Counts maintenance steps, so that a test waits for one instead of sleeping."""

    def __init__(self) -> None:
        self._done: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self.failures: list[BaseException] = []

    def __call__(self, service: str, seen: object) -> None:
        self._done[service] += 1
        if isinstance(seen, BaseException):
            self.failures.append(seen)
        self._changed.set()

    async def whole(self, service: str) -> None:
        """A step that began after this call has ended."""
        until = self._done[service] + 2
        async with asyncio.timeout(60):
            while self._done[service] < until:
                self._changed.clear()
                await self._changed.wait()


class Session:
    """One worker's session, spoken for by the test."""

    def __init__(self, engine: Engine, store: JobStore, ref: SessionRef) -> None:
        self.engine = engine
        self._store = store
        self.ref = ref

    async def lease(self, n: int = 1) -> list[Granted]:
        [leased] = await self._store.lease([LeaseRequest(ref=self.ref, n=n)])
        return list(leased.grants)

    async def run_one(self) -> Granted:
        """Take a job and start it."""
        [grant] = await self.lease()
        await self.start(grant)
        return grant

    async def start(self, *grants: Granted) -> Renewed:
        return await self.renew(started=tuple(StartMark(job=g.job, lease=g.lease) for g in grants))

    async def renew(self, **more: Any) -> Renewed:
        return await self.engine.renew(Renewal(ref=self.ref, ttl_seconds=TTL, **more))

    async def close(self, **more: Any) -> bool:
        return await self.engine.close_session(SessionEnd(ref=self.ref, **more))

    async def settle(self, grant: Granted, outcome: AttemptOutcome = AttemptOutcome.COMPLETED, **more: Any) -> Settled:
        [verdict] = await self.engine.settle([self.settlement(grant, outcome, **more)])
        return verdict

    def settlement(self, grant: Granted, outcome: AttemptOutcome, **more: Any) -> Settlement:
        return Settlement(
            job=grant.job,
            lease=grant.lease,
            session=self.ref.session,
            principal=self.ref.principal,
            namespace=grant.namespace,
            outcome=outcome,
            **more,
        )

    async def fail(self, grant: Granted, **more: Any) -> Settled:
        return await self.settle(grant, AttemptOutcome.FAILED, error=ErrorInfo(type="ValueError", message="no"), **more)


class Opened:
    """A handle of its own on a store that stays open for another."""

    def __init__(self, store: JobStore, info: StoreInfo | None) -> None:
        self._store = store
        self._info = info

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def open(self) -> StoreInfo | None:
        return self._info

    async def close(self) -> None:
        pass


class Lab:
    """`engine` is running. `restart` stops it and starts another one on the same data."""

    def __init__(self, kind: str, path: Path) -> None:
        self.hands = Hands()
        self.rounds = Rounds()
        self.kind = kind
        self.path = path
        self.store = self._make_store()
        self._changes: dict[str, Any] = {}
        self._numbers = iter(range(1, 10**9))
        self.engine: Engine

    async def start(self, store: JobStore | None = None, **settings: Any) -> None:
        self._changes = settings
        if store is not None:
            self.store = store
        self.engine = self._make_engine(self.store)
        await self.engine.start()

    def another_engine(self) -> Engine:
        """One more on the same open store, not started: a second replica of the api."""
        return self._make_engine(cast("JobStore", Opened(self.store, self.engine.info)))

    def _make_engine(self, store: JobStore) -> Engine:
        return Engine(
            store,
            FileArtifactStore(self.path / "artifacts"),
            msgspec.structs.replace(SETTINGS, **self._changes),
            holdoff=HoldOff(TTL, store_clock=self.store.now, monotonic=lambda: self.hands.monotonic),
            observer=self.rounds,
        )

    async def restart(self) -> None:
        await self.engine.stop()
        if self.kind != "memory":
            self.store = self._make_store()
        await self.start(**self._changes)

    async def calm(self, seconds: float, *alive: Session) -> None:
        """Time passes as on an ordinary day: the watchdog looks and live workers renew every second."""
        while seconds > 0:
            step = min(1.0, seconds)
            self.hands.pass_(step)
            self.engine.holdoff.observe()
            for session in alive:
                await session.renew()
            seconds -= step

    async def past_holdoff(self, *alive: Session) -> None:
        await self.calm(TTL, *alive)
        assert self.engine.holdoff.remaining_seconds() == 0.0

    def new_id(self) -> str:
        return f"{next(self._numbers):032x}"

    def submission(self, **fields: Any) -> Submission:
        given = {"id": self.new_id(), "namespace": "default", "queue": "default", "task": "demo"}
        return Submission(**(given | fields))

    async def submit(self, **fields: Any) -> JobRef:
        [verdict] = await self.engine.submit([self.submission(**fields)])
        assert verdict.outcome == "created", verdict
        return JobRef(namespace=fields.get("namespace", "default"), id=verdict.id)

    async def session(
        self, worker: str = "w1", *, queues: Sequence[str] = ("default",), engine: Engine | None = None
    ) -> Session:
        opening = SessionOpen(
            session=self.new_id(),
            principal="token:worker",
            worker=worker,
            namespace="default",
            queues=tuple(queues),
            tasks=("demo",),
            slots=10,
            carrier="tcp",
            ttl_seconds=TTL,
        )
        engine = engine or self.engine
        epoch = await engine.open_session(opening)
        ref = SessionRef(session=opening.session, epoch=epoch, principal=opening.principal)
        return Session(engine, self.store, ref)

    def take_over(self, session: Session) -> Session:
        """The same session, speaking to the engine that runs now."""
        return Session(self.engine, self.store, session.ref)

    def _make_store(self) -> JobStore:
        clock = StoreClock(wall=lambda: self.hands.wall, monotonic=lambda: self.hands.monotonic).now
        if self.kind == "memory":
            from taskjob_engine.stores.memory import MemoryStore  # noqa: PLC0415

            return MemoryStore(clock=clock, random=EvenRandom(1))
        from taskjob_engine.stores.sqlite import SQLiteStore  # noqa: PLC0415

        return SQLiteStore(self.path / "taskjob.db", clock=clock, random=EvenRandom(1))


def _is_built(store: str) -> bool:
    return importlib.util.find_spec(f"{stores.__name__}.{store}.store") is not None


BUILT = [pytest.param(store, marks=getattr(pytest.mark, store)) for store in STORES if _is_built(store)]


@pytest.fixture(params=BUILT)
async def idle_lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    """Not started: the test does it, with settings or a store of its own."""
    lab = Lab(request.param, tmp_path)
    yield lab
    await lab.engine.stop()


@pytest.fixture
async def lab(idle_lab: Lab) -> Lab:
    await idle_lab.start()
    return idle_lab
