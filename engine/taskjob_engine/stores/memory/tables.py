"""All tables and indexes of the memory store, and the one way to change a job in them.

`move` is where a new `JobState` takes effect: permits, indexes, ledger, idempotency key, dirty row and wake-ups
change together with it. No verb touches those on its own.
"""

from __future__ import annotations

import bisect
from collections import defaultdict

from taskjob.model import Micros, Queue, QueueLimits, Reason
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import LIVE, TERMINAL, JobState, State, phase_of
from taskjob_engine.lifecycle.transitions import holds_permit
from taskjob_engine.policies.queue_change import DEFAULT_QUEUE, new_queue
from taskjob_engine.policies.resolve import key_expires_at
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.store import Garbage, WakeUp
from taskjob_engine.stores.memory.ledger import Ledger
from taskjob_engine.stores.memory.ordered import Ordered
from taskjob_engine.stores.memory.permits import PermitKey, Permits
from taskjob_engine.stores.memory.rows import DirtyRow, JobRow, KeyRow, QueueKey

_UNMOVED_BY_TIME = frozenset({Reason.SUSPENDED, Reason.LIMITED, Reason.BLOCKED})


class Tables:
    def __init__(self) -> None:
        self.jobs: dict[str, JobRow] = {}
        self.ids: defaultdict[str, list[str]] = defaultdict(list)
        self.keys: dict[tuple[str, str], KeyRow] = {}
        self.queues: dict[QueueKey, Queue] = {}
        self.rate_cells: defaultdict[QueueKey, int] = defaultdict(int)
        self.sessions: dict[str, SessionState] = {}
        self.leases: defaultdict[str, dict[str, str]] = defaultdict(dict)  # session → job → lease
        self.dirty: dict[str, DirtyRow] = {}
        self.garbage: dict[str, Garbage] = {}
        self.ledger = Ledger()
        self.permits = Permits()

        self.ready: defaultdict[QueueKey, defaultdict[str, Ordered[str]]] = defaultdict(lambda: defaultdict(Ordered))
        self.ready_at: defaultdict[QueueKey, Ordered[str]] = defaultdict(Ordered)
        self.leased: defaultdict[QueueKey, set[str]] = defaultdict(set)
        self.due: Ordered[str] = Ordered()
        self.deadlines: Ordered[str] = Ordered()
        self.timeouts: Ordered[str] = Ordered()
        self.retention: Ordered[str] = Ordered()
        self.key_retention: Ordered[tuple[str, str]] = Ordered()

        self.wake_ups: list[WakeUp] = []
        self._last_version = 0
        self._last_garbage = 0

    # ------------------------------------------------------------------------------------------------- queues

    def queue(self, key: QueueKey, *, now: Micros) -> Queue | None:
        """The stored queue; `default` is made on sight, as it always exists."""
        if key not in self.queues and key[1] == DEFAULT_QUEUE:
            self.queues[key] = new_queue(*key, now=now)
        return self.queues.get(key)

    def limits(self, key: QueueKey) -> QueueLimits:
        queue = self.queues.get(key)
        return QueueLimits() if queue is None else queue.limits

    # --------------------------------------------------------------------------------------------------- jobs

    def add(self, row: JobRow, placed: JobState, *, now: Micros) -> None:
        """A new job. `placed` is its first placement."""
        self.jobs[placed.id] = row
        bisect.insort(self.ids[placed.namespace], placed.id)
        self._settle_into(row, None, placed, now=now)

    def move(self, row: JobRow, after: JobState, *, now: Micros) -> None:
        """The job's next record. An eligible one without a permit becomes limited here."""
        self._settle_into(row, row.job, after, now=now)

    def remove(self, row: JobRow) -> None:
        """Delete a terminal job. Its idempotency key stays until it expires."""
        job = row.job
        del self.jobs[job.id]
        ids = self.ids[job.namespace]
        del ids[bisect.bisect_left(ids, job.id)]
        self._unindex(job)
        self.ledger.moved(row.queue_key, job.state, None)
        self.touch(row)
        if row.attempts:
            self._last_garbage += 1
            name = str(self._last_garbage)
            self.garbage[name] = Garbage(id=name, prefix=f"{job.namespace}/{job.id}")

    def touch(self, row: JobRow) -> None:
        """The job's mirror must hear of it."""
        if row.details.owner is not None:
            self._last_version += 1
            self.dirty[row.job.id] = DirtyRow(row.details.owner, self._last_version)
            self.wake_ups.append(WakeUp(namespace="", queue="", cluster=row.details.owner.cluster_id))

    def hand_out(self, key: PermitKey, *, now: Micros) -> None:
        """Give free permits of the key to its waiters, best rank first."""
        limit = self.limits(key[:2]).per_concurrency_key
        while (waiter := self.permits.next_waiter(key, limit)) is not None:
            row = self.jobs[waiter]
            self.move(row, transitions.permit_granted(row.job, now=now), now=now)

    def announce_work(self, key: QueueKey) -> None:
        """The queue's ready jobs may have become leasable."""
        for task, stream in self.ready[key].items():
            if stream:
                self.wake_ups.append(WakeUp(namespace=key[0], queue=key[1], task=task))

    def _settle_into(self, row: JobRow, before: JobState | None, after: JobState, *, now: Micros) -> None:
        held = before is not None and holds_permit(before)
        if holds_permit(after) and not held and not self._take_permit(after):
            after = transitions.limited(after)
        row.job = after
        if before is not None:
            self._unindex(before)
        self._index(after)
        self._index_key(row)
        self._announce(row, before)
        if held and not holds_permit(after):
            key = _permit_key(after)
            self.permits.free(key, after.id)
            self.hand_out(key, now=now)

    def _take_permit(self, job: JobState) -> bool:
        key = _permit_key(job)
        return self.permits.take(key, job.id, self.limits(key[:2]).per_concurrency_key)

    def _announce(self, row: JobRow, before: JobState | None) -> None:
        job = row.job
        if before is None or before.state is not job.state:
            self.ledger.moved(row.queue_key, None if before is None else before.state, job.state)
        self.touch(row)
        if job.state is State.READY and (before is None or before.state is not State.READY):
            self.wake_ups.append(WakeUp(namespace=job.namespace, queue=job.queue, task=job.task))
        phase = phase_of(job.state, job.reason, job.started_at)
        cancelling = job.state is State.LEASED and job.cancel_requested_at is not None
        self.wake_ups.append(
            WakeUp(
                namespace=job.namespace,
                queue=job.queue,
                task=job.task,
                job=job.id,
                phase=phase,
                cancelling=cancelling,
            )
        )

    # ------------------------------------------------------------------------------------------------ indexes

    def _index(self, job: JobState) -> None:
        queue = (job.namespace, job.queue)
        if job.state is State.WAITING and job.reason is Reason.LIMITED:
            self.permits.wait(_permit_key(job), job.id, job.rank)
        elif job.state is State.WAITING and job.due_at is not None and job.reason not in _UNMOVED_BY_TIME:
            self.due.put(job.id, job.due_at)
        elif job.state is State.READY:
            self.ready[queue][job.task].put(job.id, job.rank)
            self.ready_at[queue].put(job.id, job.ready_at or 0)
        elif job.state is State.LEASED:
            self.leased[queue].add(job.id)
            self.leases[job.session or ""][job.id] = job.lease_id or ""
            if job.timeout_at is not None:
                self.timeouts.put(job.id, job.timeout_at)
        elif job.state in TERMINAL and job.expires_at is not None:
            self.retention.put(job.id, job.expires_at)
        if job.state in LIVE and job.state is not State.LEASED and job.deadline_at is not None:
            self.deadlines.put(job.id, job.deadline_at)

    def _unindex(self, job: JobState) -> None:
        queue = (job.namespace, job.queue)
        if job.state is State.WAITING and job.reason is Reason.LIMITED:
            self.permits.stop_waiting(_permit_key(job), job.id)
        elif job.state is State.READY:
            self.ready[queue][job.task].drop(job.id)
            self.ready_at[queue].drop(job.id)
        elif job.state is State.LEASED:
            self.leased[queue].discard(job.id)
            self.leases[job.session or ""].pop(job.id, None)
        for index in (self.due, self.deadlines, self.timeouts, self.retention):
            index.drop(job.id)

    def _index_key(self, row: JobRow) -> None:
        if row.details.idempotency_key is None:
            return
        name = (row.job.namespace, row.details.idempotency_key)
        key = self.keys.get(name)
        if key is None or key.job != row.job.id:
            return
        key.expires_at = key_expires_at(row.job.finished_at, row.job.expires_at)
        if key.expires_at is None:
            self.key_retention.drop(name)
        else:
            self.key_retention.put(name, key.expires_at)


def _permit_key(job: JobState) -> PermitKey:
    return (job.namespace, job.queue, job.concurrency_key or "")
