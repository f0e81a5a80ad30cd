"""The verbs of the memory store. Each runs to its end without giving way, so each is atomic and in order.

No rule stands here: a verb reads the clock once, lets its module act on the tables item by item, and commits,
which bumps the seq and tells the watchers.
"""

from __future__ import annotations

import logging
import random as randomness
import secrets
from collections.abc import Callable, Sequence

from taskjob.errors import UnavailableError
from taskjob.model import Attempt, AttemptOutcome, Job, Micros, NamespaceStats, Queue, WorkerInfo
from taskjob_engine.clock import StoreClock
from taskjob_engine.lifecycle.fencing import INCARNATION_CHANGED
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.policies.queue_change import DEFAULT_QUEUE
from taskjob_engine.policies.sessions import closed
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
    Watcher,
)
from taskjob_engine.stores.memory import asking, leasing, reading, sessions, settling, submitting, upkeep
from taskjob_engine.stores.memory.ending import end_delivery
from taskjob_engine.stores.memory.tables import Tables

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1


class MemoryStore:
    """`clock` tells microseconds; `random` gives lease ids, the incarnation and jitter. Data stays over
    `close` and `open` of the same object, as a file would."""

    def __init__(self, *, clock: Callable[[], Micros] | None = None, random: randomness.Random | None = None) -> None:
        self._clock = clock or StoreClock().now
        self._random = random or randomness.SystemRandom()
        self._db = Tables()
        self._incarnation = self._new_id()
        self._witness_key = secrets.token_bytes(32)
        self._seq = 0
        self._last_now: Micros = 0
        self._watchers: dict[object, Watcher] = {}
        self._is_open = False

    # ------------------------------------------------------------------------------------------ the store itself

    async def open(self) -> StoreInfo:
        self._is_open = True
        return StoreInfo(
            kind="memory",
            incarnation=self._incarnation,
            durability="relaxed",
            replication="local",
            schema_version=SCHEMA_VERSION,
            settings={},
        )

    async def close(self) -> None:
        self._is_open = False

    async def witness(self, incarnation: str, seq: int) -> Standing:
        now = self._begin()
        if incarnation != self._incarnation or seq <= self._seq:
            return self.standing()
        self._incarnation = self._new_id()
        for session in list(self._db.sessions.values()):
            for row in sessions.leases_of(self._db, session):
                ending = Ending(AttemptOutcome.RELEASED, error=INCARNATION_CHANGED)
                end_delivery(self._db, row, ending, now=now, jitter=self._random.random())
            if not session.closed:
                self._db.sessions[session.id] = closed(session, now=now)
        self._commit()
        return Standing(incarnation=self._incarnation, seq=self._seq, rolled_back=True)

    def standing(self) -> Standing:
        return Standing(incarnation=self._incarnation, seq=self._seq)

    def witness_key(self) -> bytes:
        return self._witness_key

    def now(self) -> Micros:
        self._last_now = max(self._last_now, self._clock())
        return self._last_now

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        token = object()
        self._watchers[token] = watcher

        def stop() -> None:
            self._watchers.pop(token, None)

        return stop

    # -------------------------------------------------------------------------------------------- jobs in and out

    async def submit(self, items: Sequence[Submission], *, create_queues: bool) -> list[Submitted]:
        now = self._begin()
        verdicts = [submitting.submit(self._db, item, create_queues=create_queues, now=now) for item in items]
        self._commit()
        return verdicts

    async def session_open(self, session: SessionOpen) -> int:
        now = self._begin()
        epoch = sessions.open_session(self._db, session, incarnation=self._incarnation, now=now)
        self._commit()
        return epoch

    async def session_renew(self, items: Sequence[Renewal]) -> list[Renewed]:
        now = self._begin()
        verdicts = [
            sessions.renew(self._db, item, incarnation=self._incarnation, now=now, jitter=self._random.random)
            for item in items
        ]
        self._commit()
        return verdicts

    async def session_close(self, items: Sequence[SessionEnd]) -> list[SessionClosed]:
        now = self._begin()
        verdicts = [
            sessions.close(self._db, item, incarnation=self._incarnation, now=now, jitter=self._random.random)
            for item in items
        ]
        self._commit()
        return verdicts

    async def end_principals(self, items: Sequence[PrincipalEnd]) -> list[Expired]:
        now = self._begin()
        done = [sessions.end_principal(self._db, item, now=now, jitter=self._random.random) for item in items]
        self._commit()
        return done

    async def lease(self, items: Sequence[LeaseRequest]) -> list[Leased]:
        now = self._begin()
        leased = [
            leasing.lease(self._db, item, incarnation=self._incarnation, new_lease=self._new_id, now=now)
            for item in items
        ]
        self._commit()
        return leased

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        now = self._begin()
        verdicts = [settling.settle(self._db, item, now=now, jitter=self._random.random()) for item in items]
        self._commit()
        return verdicts

    # ------------------------------------------------------------------------------------------------ maintenance

    async def expire(self, limit: int, *, as_of: Micros | None = None, skipped_seconds: float = 0.0) -> Expired:
        now = self._begin()
        at = now if as_of is None else min(now, as_of)
        skipped = micros(skipped_seconds)
        done = upkeep.expire(self._db, limit, now=now, at=at, skipped=skipped, jitter=self._random.random)
        self._commit()
        return done

    async def promote(self, limit: int) -> Promoted:
        now = self._begin()
        done = upkeep.promote(self._db, limit, now=now)
        self._commit()
        return done

    async def prune(self, limit: int, swept: Sequence[str] = ()) -> Pruned:
        now = self._begin()
        done = upkeep.prune(self._db, limit, swept, now=now)
        self._commit()
        return done

    async def next_due_at(self) -> Micros | None:
        self._begin()
        return upkeep.next_due_at(self._db)

    # ---------------------------------------------------------------------------------------------- people's verbs

    async def cancel(self, items: Sequence[JobRef]) -> list[Changed]:
        now = self._begin()
        verdicts = [asking.cancel(self._db, item, now=now) for item in items]
        self._commit()
        return verdicts

    async def rerun(self, items: Sequence[Rerun]) -> list[Changed]:
        now = self._begin()
        verdicts = [asking.rerun(self._db, item, now=now) for item in items]
        self._commit()
        return verdicts

    async def amend(self, items: Sequence[Amendment]) -> list[Changed]:
        now = self._begin()
        verdicts = [asking.amend(self._db, item, now=now) for item in items]
        self._commit()
        return verdicts

    async def disown(self, items: Sequence[Disowning]) -> list[Changed]:
        now = self._begin()
        verdicts = [asking.disown(self._db, item, now=now) for item in items]
        self._commit()
        return verdicts

    async def purge(self, items: Sequence[JobRef]) -> list[Changed]:
        self._begin()
        verdicts = [asking.purge(self._db, item) for item in items]
        self._commit()
        return verdicts

    async def put_queue(self, change: QueueChange) -> Queue:
        now = self._begin()
        queue = asking.put_queue(self._db, change, now=now)
        self._commit()
        return queue

    # ----------------------------------------------------------------------------------------------------- reading

    async def changes(self, cluster_id: str, ack: Sequence[tuple[str, int]], limit: int) -> list[DirtyJob]:
        self._begin()
        for job, version in ack:
            row = self._db.dirty.get(job)
            if row is not None and row.version == version and row.owner.cluster_id == cluster_id:
                del self._db.dirty[job]
        return reading.changes(self._db, cluster_id, limit)

    async def owned(self, cluster_id: str, *, after: str | None, limit: int) -> list[OwnedJob]:
        self._begin()
        return reading.owned(self._db, cluster_id, after=after, limit=limit)

    async def get(self, refs: Sequence[JobRef]) -> list[Job | None]:
        self._begin()
        rows = [asking.find(self._db, ref) for ref in refs]
        return [None if row is None else row.view() for row in rows]

    async def jobs(self, where: JobFilter, *, limit: int, cursor: str | None = None) -> Page:
        self._begin()
        return reading.page(self._db, where, limit=limit, cursor=cursor)

    async def count(self, where: JobFilter, *, limit: int) -> int:
        self._begin()
        return reading.count(self._db, where, limit=limit)

    async def attempts(self, ref: JobRef) -> list[Attempt]:
        self._begin()
        return reading.attempts(self._db, ref)

    async def explain(self, ref: JobRef) -> Explanation | None:
        now = self._begin()
        return reading.explain(self._db, ref, now=now)

    async def queues(self, namespace: str) -> list[Queue]:
        now = self._begin()
        self._db.queue((namespace, DEFAULT_QUEUE), now=now)
        return [queue for key, queue in sorted(self._db.queues.items()) if key[0] == namespace]

    async def loads(self, names: Sequence[tuple[str, str]]) -> list[QueueLoad]:
        now = self._begin()
        return [reading.load(self._db, name, now=now) for name in names]

    async def managed_queues(self, cluster_id: str) -> list[tuple[str, str]]:
        self._begin()
        return sorted(key for key, queue in self._db.queues.items() if queue.managed_by == cluster_id)

    async def session(self, session: str) -> WorkerInfo | None:
        self._begin()
        return reading.session_info(self._db, session)

    async def workers(self, namespace: str | None) -> list[WorkerInfo]:
        now = self._begin()
        return reading.workers(self._db, namespace, now=now)

    async def stats(self, namespace: str | None) -> NamespaceStats:
        now = self._begin()
        counts = reading.ledger_counts(self._db, namespace)
        return reading.stats(counts, namespace, incarnation=self._incarnation, seq=self._seq, now=now)

    async def audit(self) -> NamespaceStats:
        now = self._begin()
        counts = reading.scanned_counts(self._db, None)
        return reading.stats(counts, None, incarnation=self._incarnation, seq=self._seq, now=now)

    # ---------------------------------------------------------------------------------------------------- one call

    def _begin(self) -> Micros:
        if not self._is_open:
            raise UnavailableError("The store is not open")
        return self.now()

    def _commit(self) -> None:
        self._seq += 1
        hints = list(dict.fromkeys(self._db.wake_ups))
        self._db.wake_ups.clear()
        for watcher in list(self._watchers.values()) if hints else ():
            try:
                watcher(hints)
            except Exception:
                log.exception("a watcher of the store failed")

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"
