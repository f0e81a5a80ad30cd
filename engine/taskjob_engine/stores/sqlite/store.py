"""`SQLiteStore`: the verbs of `JobStore` over one database file. Each verb is a function on the writer's transaction
or on a reader's snapshot; this module only says which, and keeps what is open.
"""

from __future__ import annotations

import asyncio
import logging
import random as randomness
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from taskjob.errors import UnavailableError
from taskjob.model import Attempt, Job, Micros, NamespaceStats, Queue, WorkerInfo
from taskjob_engine.clock import StoreClock, wall_micros
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.store import (
    Amendment,
    Changed,
    DirtyJob,
    Disowning,
    Expired,
    Explanation,
    JobFilter,
    JobRef,
    Leased,
    LeaseRequest,
    OwnedJob,
    Page,
    PrincipalEnd,
    Promoted,
    Pruned,
    QueueChange,
    QueueLoad,
    Renewal,
    Renewed,
    Rerun,
    SessionClosed,
    SessionEnd,
    SessionOpen,
    Settled,
    Settlement,
    Standing,
    StoreInfo,
    Submission,
    Submitted,
    WakeUp,
    Watcher,
)
from taskjob_engine.stores.sqlite import (
    changes,
    facts,
    lease,
    loads,
    people,
    queues,
    reading,
    retention,
    sessions,
    settle,
    submit,
    upkeep,
    witness,
)
from taskjob_engine.stores.sqlite.books import SQLiteBooks
from taskjob_engine.stores.sqlite.opening import Opened, open_database
from taskjob_engine.stores.sqlite.readers import Readers
from taskjob_engine.stores.sqlite.transaction import Transaction
from taskjob_engine.stores.sqlite.writer import Writer

log = logging.getLogger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")


class SQLiteStore:
    """`clock` tells microseconds; `random` gives lease ids, the incarnation and jitter. `durability="relaxed"` trades
    the last commits before a power cut for speed, and `open` then says so."""

    def __init__(
        self,
        path: str | Path,
        *,
        clock: Callable[[], Micros] | None = None,
        random: randomness.Random | None = None,
        durability: Literal["durable", "relaxed"] = "durable",
    ) -> None:
        self._path = Path(path)
        self._source = clock
        self._clock = self._new_clock(floor=0)
        self._random = random or randomness.SystemRandom()
        self._durability = durability
        self._lease = partial(lease.lease, new_lease=self._new_id)
        self._watchers: dict[object, Watcher] = {}
        self._opened: Opened | None = None
        self._books: SQLiteBooks | None = None
        self._writer: Writer | None = None
        self._readers: Readers | None = None

    # ------------------------------------------------------------------------------------------ the store itself

    async def open(self) -> StoreInfo:
        opened = await asyncio.to_thread(
            open_database,
            self._path,
            durability=self._durability,
            incarnation=self._new_id(),
            now=self._clock.now(),
        )
        try:
            self._clock = self._new_clock(floor=opened.clock)
            self._books = await asyncio.to_thread(
                SQLiteBooks,
                opened.connection,
                self._path,
                now=self.now,
                random=self._random,
                watched=lambda: bool(self._watchers),
            )
            self._readers = Readers(self._path)
        except BaseException:
            opened.connection.close()
            opened.ownership.release()
            raise
        self._opened = opened
        self._writer = Writer(opened.connection, self._books, self._tell)
        return StoreInfo(
            kind="sqlite",
            incarnation=self._books.standing.incarnation,
            durability=self._durability,
            replication="local",
            schema_version=opened.schema_version,
            settings={"sqlite_version": sqlite3.sqlite_version, **opened.settings},
        )

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        readers, self._readers = self._readers, None
        opened, self._opened = self._opened, None
        if writer is not None:
            await writer.stop()
        if readers is not None:
            await readers.close()
        if opened is not None:
            # The last connection to close moves the WAL into the file.
            await asyncio.to_thread(opened.connection.close)
            opened.ownership.release()

    async def witness(self, incarnation: str, seq: int) -> Standing:
        rolled_back = await self._write(partial(_witness, incarnation=incarnation, seq=seq, new_id=self._new_id))
        standing = self.standing()
        return Standing(incarnation=standing.incarnation, seq=standing.seq, rolled_back=rolled_back)

    def standing(self) -> Standing:
        if self._books is None:
            raise UnavailableError("the store is not open")
        return self._books.standing

    def witness_key(self) -> bytes:
        if self._opened is None:
            raise UnavailableError("the store is not open")
        return self._opened.witness_key

    def now(self) -> Micros:
        return self._clock.now()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        token = object()
        self._watchers[token] = watcher

        def stop() -> None:
            self._watchers.pop(token, None)

        return stop

    # -------------------------------------------------------------------------------------------- jobs in and out

    async def submit(self, items: Sequence[Submission], *, create_queues: bool) -> list[Submitted]:
        size = sum(len(item.payload) for item in items)
        verb = submit.submit_and_declare if create_queues else submit.submit
        return await self._batch(verb, items, size=size)

    async def session_open(self, session: SessionOpen) -> int:
        return await self._write(partial(sessions.session_open, item=session))

    async def session_renew(self, items: Sequence[Renewal]) -> list[Renewed]:
        return await self._batch(sessions.session_renew, items)

    async def session_close(self, items: Sequence[SessionEnd]) -> list[SessionClosed]:
        return await self._batch(sessions.session_close, items)

    async def end_principals(self, items: Sequence[PrincipalEnd]) -> list[Expired]:
        return await self._batch(sessions.end_principals, items)

    async def lease(self, items: Sequence[LeaseRequest]) -> list[Leased]:
        # No items of its own to count: so a lease rides in the flush of the settles or submits that it follows.
        return await self._batch(self._lease, items, count=0)

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        size = sum(len(item.result or b"") for item in items)
        return await self._batch(settle.settle, items, size=size)

    # ------------------------------------------------------------------------------------------------ maintenance

    async def expire(self, limit: int, *, as_of: Micros | None = None, skipped_seconds: float = 0.0) -> Expired:
        return await self._write(partial(upkeep.expire, limit=limit, as_of=as_of, skipped=micros(skipped_seconds)))

    async def promote(self, limit: int) -> Promoted:
        return await self._write(partial(upkeep.promote, limit=limit))

    async def prune(self, limit: int, swept: Sequence[str] = ()) -> Pruned:
        return await self._write(partial(retention.prune, limit=limit, swept=swept))

    async def next_due_at(self) -> Micros | None:
        return await self._read(upkeep.next_due_at)

    # ---------------------------------------------------------------------------------------------- people's verbs

    async def cancel(self, items: Sequence[JobRef]) -> list[Changed]:
        return await self._batch(people.cancel, items)

    async def rerun(self, items: Sequence[Rerun]) -> list[Changed]:
        return await self._batch(people.rerun, items)

    async def amend(self, items: Sequence[Amendment]) -> list[Changed]:
        return await self._batch(people.amend, items)

    async def disown(self, items: Sequence[Disowning]) -> list[Changed]:
        return await self._batch(people.disown, items)

    async def purge(self, items: Sequence[JobRef]) -> list[Changed]:
        return await self._batch(people.purge, items)

    async def put_queue(self, change: QueueChange) -> Queue:
        return await self._write(partial(queues.put_queue, change=change))

    # ----------------------------------------------------------------------------------------------------- reading

    async def changes(self, cluster_id: str, ack: Sequence[tuple[str, int]], limit: int) -> list[DirtyJob]:
        if ack:
            await self._write(partial(changes.acknowledge, cluster_id=cluster_id, ack=ack))
        return await self._read(partial(changes.changes, cluster_id=cluster_id, limit=limit))

    async def owned(self, cluster_id: str, *, after: str | None, limit: int) -> list[OwnedJob]:
        return await self._read(partial(changes.owned, cluster_id=cluster_id, after=after, limit=limit))

    async def get(self, refs: Sequence[JobRef]) -> list[Job | None]:
        return await self._read(partial(reading.get, refs=refs))

    async def jobs(self, where: JobFilter, *, limit: int, cursor: str | None = None) -> Page:
        return await self._read(partial(reading.page, where=where, limit=limit, cursor=cursor))

    async def count(self, where: JobFilter, *, limit: int) -> int:
        return await self._read(partial(reading.count, where=where, limit=limit))

    async def attempts(self, ref: JobRef) -> list[Attempt]:
        return await self._read(partial(reading.attempts, ref=ref))

    async def explain(self, ref: JobRef) -> Explanation | None:
        books = self._books
        if books is None:
            raise UnavailableError("the store is not open")
        return await self._read(partial(facts.explain, ref=ref, gauges=books.gauges, now=self.now()))

    async def queues(self, namespace: str) -> list[Queue]:
        return await self._read(partial(facts.queues, namespace=namespace, now=self.now()))

    async def loads(self, names: Sequence[tuple[str, str]]) -> list[QueueLoad]:
        return await self._read(partial(loads.loads, names=names, now=self.now()))

    async def managed_queues(self, cluster_id: str) -> list[tuple[str, str]]:
        return await self._read(partial(loads.managed_queues, cluster_id=cluster_id))

    async def session(self, session: str) -> WorkerInfo | None:
        return await self._read(partial(facts.session, session=session))

    async def workers(self, namespace: str | None) -> list[WorkerInfo]:
        return await self._read(partial(facts.workers, namespace=namespace, now=self.now()))

    async def stats(self, namespace: str | None) -> NamespaceStats:
        return await self._read(partial(facts.stats, namespace=namespace, now=self.now()))

    async def audit(self) -> NamespaceStats:
        return await self._read(partial(facts.audit, now=self.now()))

    # ---------------------------------------------------------------------------------------------------- one call

    async def _write(self, apply: Callable[[Transaction], T]) -> T:
        return await self._open_writer().call(apply)

    async def _batch(
        self,
        verb: Callable[[Transaction, Sequence[Item]], list[T]],
        items: Sequence[Item],
        *,
        count: int | None = None,
        size: int = 0,
    ) -> list[T]:
        return await self._open_writer().batch(verb, items, items=count, size=size)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise UnavailableError("the store is not open")
        return self._writer

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        if self._readers is None:
            raise UnavailableError("the store is not open")
        return await self._readers.call(read)

    def _tell(self, hints: Sequence[WakeUp]) -> None:
        for watcher in list(self._watchers.values()):
            try:
                watcher(hints)
            except Exception:
                log.exception("a watcher of the store failed")

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _new_clock(self, *, floor: Micros) -> StoreClock:
        if self._source is None:
            return StoreClock(floor=floor, wall=wall_micros)
        # A clock that was passed in is the only time there is: between its ticks nothing passes.
        return StoreClock(floor=floor, wall=self._source, monotonic=lambda: 0)


def _witness(tx: Transaction, *, incarnation: str, seq: int, new_id: Callable[[], str]) -> bool:
    return witness.witness(tx, incarnation, seq, new_id=new_id)
