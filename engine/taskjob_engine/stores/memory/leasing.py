"""Granting ready jobs to a session: lowest rank first across its queues and tasks, within every limit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from taskjob.model import Micros
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle import rate, transitions
from taskjob_engine.policies.queue_change import may_lease
from taskjob_engine.policies.sessions import SessionState, refusal, with_last_seq
from taskjob_engine.store import Granted, Leased, LeaseRequest
from taskjob_engine.stores.memory.ordered import Ordered
from taskjob_engine.stores.memory.rows import JobRow, QueueKey
from taskjob_engine.stores.memory.tables import Tables


def lease(db: Tables, item: LeaseRequest, *, incarnation: str, new_lease: Callable[[], str], now: Micros) -> Leased:
    session = db.sessions.get(item.ref.session)
    reason = refusal(session, item.ref, incarnation=incarnation)
    if session is None or reason is not None:
        return Leased(refused=reason)
    if item.seq is not None and session.last_seq is not None and item.seq <= session.last_seq:
        if item.seq < session.last_seq:
            return Leased()
        return Leased(grants=_granted_before(db, session, item.seq, now=now), replayed=True)
    if session.expires_at <= now:
        return Leased()
    grants = _grant(db, session, item, new_lease, now=now)
    if grants and item.seq is not None:
        db.sessions[session.id] = with_last_seq(session, item.seq)
    wait = _rate_wait(db, session, now=now) if len(grants) < item.n else None
    return Leased(grants=grants, retry_after_seconds=wait)


def _granted_before(db: Tables, session: SessionState, seq: int, *, now: Micros) -> tuple[Granted, ...]:
    rows = [db.jobs[job] for job in db.leases[session.id]]
    again = sorted((row for row in rows if row.lease_seq == seq), key=lambda row: (row.job.rank, row.job.id))
    return tuple(_granted(row, now=now) for row in again)


def _grant(
    db: Tables, session: SessionState, item: LeaseRequest, new_lease: Callable[[], str], *, now: Micros
) -> tuple[Granted, ...]:
    grants: list[Granted] = []
    room = {queue: _room(db, queue, now=now) for queue in _open_queues(db, session, now=now)}
    lease_id = new_lease() if room else ""
    size = 0
    with contextlib.closing(_in_rank_order(db, session, room, now=now)) as rows:
        for row in rows:
            if len(grants) >= item.n:
                break
            size += len(row.details.payload) + len(row.details.checkpoint or b"")
            if grants and size > item.max_bytes:
                break
            _take(db, row, session, lease_id, item.seq, now=now)
            room[row.queue_key] -= 1
            grants.append(_granted(row, now=now))
    return tuple(grants)


def _take(db: Tables, row: JobRow, session: SessionState, lease_id: str, seq: int | None, *, now: Micros) -> None:
    row.lease_seq = seq
    limit = db.limits(row.queue_key).rate_per_second
    if limit is not None:
        db.rate_cells[row.queue_key] = rate.charged(db.rate_cells[row.queue_key], 1, rate=limit, now=now)
    after = transitions.grant(row.job, lease_id=lease_id, session=session.id, worker=session.worker, now=now)
    db.move(row, after, now=now)


def _in_rank_order(db: Tables, session: SessionState, room: dict[QueueKey, int], *, now: Micros) -> Generator[JobRow]:
    """Merge the (queue, task) streams. The consumer either takes a job or stops: one that stays is offered again.
    Jobs past their deadline are left for `expire`."""
    streams = [(queue, db.ready[queue][task]) for queue in room for task in dict.fromkeys(session.tasks)]
    overdue: list[tuple[Ordered[str], str, int]] = []
    try:
        while True:
            heads = [(first, stream) for queue, stream in streams if room[queue] > 0 and (first := stream.first())]
            if not heads:
                return
            (rank, job), stream = min(heads, key=lambda head: head[0])
            row = db.jobs[job]
            if row.job.deadline_at is not None and row.job.deadline_at <= now:
                stream.drop(job)
                overdue.append((stream, job, rank))
            else:
                yield row
    finally:
        for stream, job, rank in overdue:
            stream.put(job, rank)


def _open_queues(db: Tables, session: SessionState, *, now: Micros) -> list[QueueKey]:
    keys = [(session.namespace, name) for name in dict.fromkeys(session.queues)]
    return [key for key in keys if (queue := db.queue(key, now=now)) is not None and may_lease(queue, now=now)]


def _room(db: Tables, queue: QueueKey, *, now: Micros) -> int:
    """How many more jobs of the queue may be leased now."""
    limits = db.limits(queue)
    free = _free(db, queue)
    if limits.rate_per_second is None:
        return free
    return min(free, rate.room(db.rate_cells[queue], rate=limits.rate_per_second, now=now))


def _free(db: Tables, queue: QueueKey) -> int:
    most = db.limits(queue).max_concurrency
    return len(db.jobs) if most is None else most - len(db.leased[queue])


def _rate_wait(db: Tables, session: SessionState, *, now: Micros) -> float | None:
    """The shortest wait of those queues that only their rate holds back."""
    waits = []
    for queue in _open_queues(db, session, now=now):
        limit = db.limits(queue).rate_per_second
        has_work = any(db.ready[queue][task].first() for task in session.tasks)
        if limit is not None and has_work and _free(db, queue) > 0:
            waits.append(rate.retry_after_seconds(db.rate_cells[queue], rate=limit, now=now))
    return min((wait for wait in waits if wait > 0), default=None)


def _granted(row: JobRow, *, now: Micros) -> Granted:
    job, details = row.job, row.details
    return Granted(
        job=job.id,
        lease=job.lease_id or "",
        namespace=job.namespace,
        queue=job.queue,
        task=job.task,
        payload=details.payload,
        run=job.run,
        delivery=job.deliveries,
        attempt=job.attempts + 1,
        max_attempts=job.retry.max_attempts,
        timeout_seconds=transitions.time_left_seconds(job, now=now),
        checkpoint=details.checkpoint,
        labels=details.labels,
        suspect=job.suspect,
        waited_seconds=((job.leased_at or now) - (job.ready_at or now)) / SECOND,
    )
