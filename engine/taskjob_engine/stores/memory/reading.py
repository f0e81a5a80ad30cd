"""Reading: lists, counts, history, explanations, mirrors. Nothing here changes a job."""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Iterator

from taskjob.model import Attempt, Job, Micros, NamespaceStats, QueueCounts, Reason, WorkerInfo
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle import rate
from taskjob_engine.lifecycle.cursor import decode_cursor, encode_cursor
from taskjob_engine.lifecycle.history import current_attempt
from taskjob_engine.lifecycle.state import LIVE, State
from taskjob_engine.policies.matching import matches
from taskjob_engine.policies.sessions import SessionState, session_view
from taskjob_engine.store import DirtyJob, Explanation, JobFilter, JobRef, OwnedJob, Page, QueueLoad
from taskjob_engine.stores.memory.asking import find
from taskjob_engine.stores.memory.rows import JobRow, QueueKey
from taskjob_engine.stores.memory.tables import Tables
from taskjob_engine.stores.memory.upkeep import CLOSED_KEPT

MOST_AHEAD = 10_000
MOST_HOLDERS = 10
RECENT = 60 * SECOND


def page(db: Tables, where: JobFilter, *, limit: int, cursor: str | None) -> Page:
    before = None if cursor is None else decode_cursor(where.namespace, cursor)
    found = tuple(itertools.islice(_matching(db, where, before), limit + 1))
    shown = found[:limit]
    more = len(found) > limit and bool(shown)
    return Page(jobs=shown, cursor=encode_cursor(where.namespace, shown[-1].id) if more else None)


def count(db: Tables, where: JobFilter, *, limit: int) -> int:
    return sum(1 for _ in itertools.islice(_matching(db, where, None), limit))


def _matching(db: Tables, where: JobFilter, before: str | None) -> Iterator[Job]:
    ids = db.ids[where.namespace]
    end = len(ids) if before is None else bisect.bisect_left(ids, before)
    views = (db.jobs[ids[at]].view() for at in range(end - 1, -1, -1))
    return (job for job in views if matches(job, where))


def attempts(db: Tables, ref: JobRef) -> list[Attempt]:
    row = find(db, ref)
    if row is None:
        return []
    return [*row.attempts, current_attempt(row.job)] if row.job.state is State.LEASED else list(row.attempts)


def changes(db: Tables, cluster_id: str, limit: int) -> list[DirtyJob]:
    mine = [(row.version, job) for job, row in db.dirty.items() if row.owner.cluster_id == cluster_id]
    return [
        DirtyJob(
            owner=db.dirty[job].owner,
            job_id=job,
            job=db.jobs[job].view() if job in db.jobs else None,
            version=version,
        )
        for version, job in sorted(mine)[:limit]
    ]


def owned(db: Tables, cluster_id: str, *, after: str | None, limit: int) -> list[OwnedJob]:
    mine = (
        OwnedJob(id=job, owner=row.details.owner, created_at=row.job.created_at)
        for job, row in sorted(db.jobs.items())
        if row.details.owner is not None and row.details.owner.cluster_id == cluster_id and row.job.state in LIVE
    )
    return list(itertools.islice((job for job in mine if after is None or job.id > after), limit))


def load(db: Tables, key: QueueKey, *, now: Micros) -> QueueLoad:
    counts = db.ledger.counts(key, _oldest(db, key))
    serving = _serving(db, key, now=now)
    known = {task for session in serving for task in session.tasks}
    waiting = Counter(row.job.reason for row in db.jobs.values() if row.queue_key == key and _waits(row))
    blocked = sum(waiting[reason] for reason in (Reason.LIMITED, Reason.SUSPENDED, Reason.BLOCKED))
    return QueueLoad(
        namespace=key[0],
        name=key[1],
        queue=db.queue(key, now=now),
        ready=counts.ready,
        running=counts.leased,
        delayed=counts.waiting - blocked,
        blocked=blocked,
        dead_letters=counts.dead_letter,
        unservable=sum(len(stream) for task, stream in db.ready[key].items() if task not in known),
        oldest_ready_at=counts.oldest_ready_at,
        workers=len(serving),
        slots=sum(session.slots for session in serving),
        busy_slots=sum(len(db.leases[session.id]) for session in serving),
    )


def _waits(row: JobRow) -> bool:
    return row.job.state is State.WAITING


def _serving(db: Tables, key: QueueKey, *, now: Micros) -> list[SessionState]:
    return [
        session
        for session in db.sessions.values()
        if session.namespace == key[0] and key[1] in session.queues and not session.closed and session.expires_at > now
    ]


def session_info(db: Tables, session: str) -> WorkerInfo | None:
    found = db.sessions.get(session)
    return None if found is None or found.closed else session_view(found, held=len(db.leases[session]))


def workers(db: Tables, namespace: str | None, *, now: Micros) -> list[WorkerInfo]:
    def shown(session: SessionState) -> bool:
        if namespace not in {None, session.namespace}:
            return False
        if session.closed:
            return (session.closed_at or 0) + CLOSED_KEPT > now
        return session.expires_at > now

    sessions = sorted(filter(shown, db.sessions.values()), key=lambda session: session.id)
    return [session_view(session, held=len(db.leases[session.id])) for session in sessions]


def explain(db: Tables, ref: JobRef, *, now: Micros) -> Explanation | None:
    row = find(db, ref)
    if row is None:
        return None
    key = row.queue_key
    serving = _serving(db, key, now=now)
    capable = [session for session in serving if row.job.task in session.tasks]
    return Explanation(
        job=row.view(),
        queue=db.queue(key, now=now),
        ahead=_ahead(db, row),
        permit_holders=_holders(db, row),
        workers=len(serving),
        capable_workers=len(capable),
        free_slots=sum(
            max(0, session.slots - len(db.leases[session.id])) for session in capable if not session.draining
        ),
        running_in_queue=len(db.leased[key]),
        rate_retry_after_seconds=_rate_wait(db, key, now=now),
        recent_rate_per_second=_recent_rate(db, key, now=now),
    )


def _ahead(db: Tables, row: JobRow) -> int:
    if row.job.state is not State.READY:
        return 0
    mine = (row.job.rank, row.job.id)
    streams = db.ready[row.queue_key].values()
    return min(MOST_AHEAD, sum(1 for stream in streams for entry in stream if entry < mine))


def _holders(db: Tables, row: JobRow) -> tuple[str, ...]:
    """Of its key's permits where it waits for one; of the queue's where that is full."""
    job, most = row.job, db.limits(row.queue_key).max_concurrency
    if job.state is State.WAITING and job.reason is Reason.LIMITED:
        holders = db.permits.holders((job.namespace, job.queue, job.concurrency_key or ""))
    elif job.state is State.READY and most is not None and len(db.leased[row.queue_key]) >= most:
        holders = db.leased[row.queue_key]
    else:
        return ()
    return tuple(sorted(holders)[:MOST_HOLDERS])


def _rate_wait(db: Tables, key: QueueKey, *, now: Micros) -> float | None:
    limit = db.limits(key).rate_per_second
    if limit is None:
        return None
    return rate.retry_after_seconds(db.rate_cells[key], rate=limit, now=now) or None


def _recent_rate(db: Tables, key: QueueKey, *, now: Micros) -> float:
    rows = (db.jobs[job].job for _, job in db.retention)
    recent = sum(
        1
        for job in rows
        if (job.namespace, job.queue) == key and job.state is State.COMPLETED and (job.finished_at or 0) > now - RECENT
    )
    return recent * SECOND / RECENT


def ledger_counts(db: Tables, namespace: str | None) -> tuple[QueueCounts, ...]:
    return tuple(db.ledger.counts(key, _oldest(db, key)) for key in db.ledger.queues(namespace))


def scanned_counts(db: Tables, namespace: str | None) -> tuple[QueueCounts, ...]:
    """The ledger's judge: states counted from the jobs themselves."""
    states = Counter((row.queue_key, row.job.state.value) for row in db.jobs.values())
    scanned = []
    for key in db.ledger.queues(namespace):
        accepted, purged = db.ledger.accepted_and_purged(key)
        by_state = {state.value: states[key, state.value] for state in State}
        scanned.append(
            QueueCounts(
                namespace=key[0],
                queue=key[1],
                accepted=accepted,
                purged=purged,
                oldest_ready_at=_oldest(db, key),
                **by_state,
            )
        )
    return tuple(scanned)


def stats(
    counts: tuple[QueueCounts, ...], namespace: str | None, *, incarnation: str, seq: int, now: Micros
) -> NamespaceStats:
    return NamespaceStats(namespace=namespace, incarnation=incarnation, seq=seq, at=now, queues=counts)


def _oldest(db: Tables, key: QueueKey) -> Micros | None:
    first = db.ready_at[key].first()
    return None if first is None else first[0]
