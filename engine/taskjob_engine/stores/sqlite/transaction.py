"""One flush in the making: what the verbs of it read and change, gathered until the commit.

Verbs run on the writer thread, one after the other, each seeing what those before it did. Whatever outlives the
transaction in memory (gauges, hints, the catalog) is applied after the commit or forgotten with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from taskjob.model import Micros, Phase
from taskjob_engine.lifecycle.state import JobState, State, phase_of
from taskjob_engine.store import WakeUp
from taskjob_engine.stores.sqlite import ledger, rows
from taskjob_engine.stores.sqlite.bulk import insert_rows, update_rows, with_rows
from taskjob_engine.stores.sqlite.catalog import Catalog
from taskjob_engine.stores.sqlite.leases import Leases
from taskjob_engine.stores.sqlite.ledger import Deltas, Gauges
from taskjob_engine.stores.sqlite.rows import Loaded

ATTEMPT_COLUMNS = (
    "job_pk",
    "run",
    "number",
    "lease_id",
    "session",
    "worker",
    "leased_at",
    "started_at",
    "finished_at",
    "outcome",
    "error",
)

UNFOLD = f"""
INSERT INTO attempt ({", ".join(ATTEMPT_COLUMNS)})
SELECT pk, run, deliveries, lease_id, session, worker, leased_at, started_at, finished_at, 'completed', NULL
FROM job WHERE pk IN (SELECT value FROM json_each(?)) AND state = 'completed' AND lease_id IS NOT NULL
"""  # noqa: S608 - our own names
"""A completed job changes once more: its last delivery, told by its own row until now, becomes a row of its own."""

_MARK_DIRTY = """
INSERT INTO dirty (job_id, cluster_id, owner, version)
SELECT v.column1, v.column2, v.column3, ?1 FROM ({rows}) AS v WHERE v.column1 IS NOT NULL
ON CONFLICT (job_id) DO UPDATE SET
    cluster_id = excluded.cluster_id, owner = excluded.owner, version = excluded.version
"""


class Transaction:
    """`seq` is the one that the commit will have; `now` stamps everything in it.

    `watched` tells whether anybody listens to hints. Row updates and attempt records are written in bulk by
    `flush_rows`; a verb that reads rows through SQL of its own calls it first, and every verb before it returns.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        catalog: Catalog,
        gauges: Gauges,
        leases: Leases,
        incarnation: str,
        seq: int,
        now: Micros,
        random: Callable[[], float],
        watched: bool,
    ) -> None:
        self.connection = connection
        self.catalog = catalog
        self.leases = leases
        self.incarnation = incarnation
        self.seq = seq
        self.now = now
        self.random = random
        self.watched = watched
        self.deltas = Deltas()
        self.hints: list[WakeUp] = []
        self.folded = False
        self._gauges = gauges
        self._ready_hints: set[ledger.Stream] = set()
        self._pending: list[tuple[Any, ...]] = []
        self._attempts: list[tuple[Any, ...]] = []
        self._unfold: list[int] = []
        self._dirty: dict[str, str] = {}

    # ---- reading

    def load(self, ids: Sequence[str]) -> dict[str, Loaded]:
        self.flush_rows()
        return rows.load_by_id(self.connection, self.catalog, ids)

    def load_pks(self, pks: Sequence[int]) -> list[Loaded]:
        self.flush_rows()
        return rows.load_by_pk(self.connection, self.catalog, pks)

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def gauge(self, queue_id: int, position: int) -> int:
        """A count of one queue, as of now in this transaction."""
        committed = self._gauges.queues.get(queue_id)
        change = self.deltas.queues.get(queue_id)
        return (committed[position] if committed else 0) + (change[position] if change else 0)

    def live(self, queue_id: int) -> int:
        return sum(self.gauge(queue_id, position) for position in ledger.LIVE)

    def ready(self, stream: ledger.Stream) -> int:
        return self._gauges.streams[stream] + self.deltas.streams[stream]

    # ---- changing

    def new_pk(self) -> int:
        """A number for a new job, in the order of acceptance."""
        pk = self._gauges.next_pk
        self._gauges.next_pk = pk + 1
        return pk

    def put(self, loaded: Loaded, after: JobState) -> None:
        """Store the next record of a job, with ledger, dirty row and hints."""
        before = loaded.job
        if before.state is State.LEASED:
            self.leases.forget(before.lease_id, before.id)
        elif before.state is State.COMPLETED:
            self._unfold.append(loaded.pk)
        self._pending.append((loaded.pk, *rows.moving_values(after)))
        stream = (loaded.queue_id, loaded.task_id)
        if before.state is not after.state:
            self.deltas.move(stream, before.state, after.state)
        self.tell(after, phase_of(after.state, after.reason, after.started_at))
        if after.state is State.READY and before.state is not State.READY:
            self.tell_ready(stream)
        if loaded.owner is not None:
            self.mark_dirty(after.id, loaded.owner)

    def accepted(self, stream: ledger.Stream, job: JobState, phase: Phase, ids: Sequence[str]) -> None:
        """New jobs of the kind of `job`: ledger and hints. Their rows are the caller's to write."""
        if not ids:
            return
        self.deltas.accept(stream, job.state, len(ids))
        self.tell_all(stream, ids, phase)
        if job.state is State.READY:
            self.tell_ready(stream)

    def record_attempt(self, values: tuple[Any, ...]) -> None:
        """One row of `ATTEMPT_COLUMNS`."""
        self._attempts.append(values)

    def flush_rows(self) -> None:
        if self._unfold:
            self.connection.execute(UNFOLD, (rows.json_text(self._unfold),))
            self._unfold = []
        if self._attempts:
            insert_rows(self.connection, "attempt", ATTEMPT_COLUMNS, self._attempts)
            self._attempts = []
        if self._pending:
            # A job changed twice since the last flush: the later record is the whole truth.
            latest = {row[0]: row for row in self._pending}
            update_rows(self.connection, "job", rows.MOVING, list(latest.values()))
            self._pending = []

    def mark_dirty(self, job_id: str, owner: str) -> None:
        self._dirty[job_id] = owner

    def tell(self, job: JobState, phase: Phase) -> None:
        if self.watched:
            cancelling = job.state is State.LEASED and job.cancel_requested_at is not None
            self.hints.append(
                WakeUp(
                    namespace=job.namespace,
                    queue=job.queue,
                    task=job.task,
                    job=job.id,
                    phase=phase,
                    cancelling=cancelling,
                )
            )

    def tell_all(self, stream: ledger.Stream, ids: Sequence[str], phase: Phase) -> None:
        """Jobs of a stream that came into the same phase."""
        if self.watched:
            queue = self.catalog.queues[stream[0]].queue
            task = self.catalog.tasks[stream[1]]
            self.hints.append(
                WakeUp(namespace=queue.namespace, queue=queue.name, task=task, jobs=tuple(ids), phase=phase)
            )

    def tell_ready(self, stream: ledger.Stream) -> None:
        self._ready_hints.add(stream)

    # ---- ending

    def finish(self) -> None:
        """Write what was gathered; the commit is the writer's."""
        self.flush_rows()
        ledger.write(self.connection, self.deltas, seq=self.seq)
        if self._gauges.fold_due():
            ledger.fold(self.connection)
            self.folded = True
        if self._dirty:
            self._write_dirty()
        for queue_id, task_id in self._ready_hints:
            queue = self.catalog.queues[queue_id].queue
            self.hints.append(WakeUp(namespace=queue.namespace, queue=queue.name, task=self.catalog.tasks[task_id]))

    def stamp(self) -> None:
        """The commit's seq, and the newest time that was told, so that a restart never tells less."""
        self.connection.execute("UPDATE store SET seq = ?, clock = ?", (self.seq, self.now))

    def _write_dirty(self) -> None:
        scopes = [(job_id, rows.read_owner(owner), owner) for job_id, owner in self._dirty.items()]
        marked = [(job_id, scope.cluster_id, owner) for job_id, scope, owner in scopes if scope is not None]
        with_rows(self.connection, _MARK_DIRTY, marked, (self.seq,))
        if self.watched:
            clusters = dict.fromkeys(cluster for _, cluster, _ in marked)
            self.hints += [WakeUp(namespace="", queue="", cluster=cluster) for cluster in clusters]


class FreshJobs:
    """Jobs read at once for a batch, and read again where an earlier item of the batch may have changed them:
    those asked for twice, and keyed ones, to which a stranger's end may hand a permit."""

    def __init__(self, tx: Transaction, ids: Sequence[str]) -> None:
        self._tx = tx
        self._jobs = tx.load(list(dict.fromkeys(ids)))
        self._asked: set[int] = set()

    def get(self, job: str, namespace: str | None = None) -> Loaded | None:
        """None for a missing job and, where a namespace is given, for one of another."""
        loaded = self._jobs.get(job)
        if loaded is None or loaded.pk in self._asked or loaded.job.concurrency_key is not None:
            loaded = self._tx.load([job]).get(job)
        else:
            self._asked.add(loaded.pk)
        if loaded is None or (namespace is not None and loaded.job.namespace != namespace):
            return None
        return loaded
