"""Reading what stands around jobs: queues, workers, counts, and the facts behind "why does it not run"."""

from __future__ import annotations

import sqlite3

from taskjob.model import Job, Micros, NamespaceStats, Phase, Queue, QueueCounts, Reason, WorkerInfo
from taskjob_engine.lifecycle import rate
from taskjob_engine.policies.queue_change import DEFAULT_QUEUE, new_queue
from taskjob_engine.policies.sessions import SessionState, session_view
from taskjob_engine.store import Explanation, JobRef
from taskjob_engine.stores.sqlite import catalog, reading, session_rows
from taskjob_engine.stores.sqlite.ledger import BOTH, COUNTS, SUMS, Gauges

MOST_AHEAD = 10_000
MOST_HOLDERS = 10

_LEDGER = f"""
SELECT queue.namespace, queue.name, counts.*,
    (SELECT ready_at FROM job WHERE state = 'ready' AND job.queue_id = queue.id ORDER BY ready_at LIMIT 1)
FROM (SELECT queue_id, {SUMS} FROM {BOTH} GROUP BY queue_id) AS counts CROSS JOIN queue ON queue.id = counts.queue_id
WHERE (?1 IS NULL OR queue.namespace = ?1) ORDER BY queue.namespace, queue.name
"""  # noqa: S608 - our own names
_SCAN = "SELECT queue_id, state, COUNT(*) FROM job GROUP BY queue_id, state"
_AHEAD = """
SELECT COUNT(*) FROM (
    SELECT 1 FROM job INDEXED BY job_ready WHERE state = 'ready' AND queue_id = ?1 AND task_id IN (SELECT id FROM task)
        AND (rank < ?2 OR (rank = ?2 AND id < ?3)) LIMIT ?4
)
"""
_KEY_HOLDERS = """
SELECT job.id FROM permit CROSS JOIN job ON job.pk = permit.job_pk
WHERE permit.queue_id = ? AND permit.concurrency_key = ? ORDER BY job.id LIMIT ?
"""
_QUEUE_HOLDERS = """
SELECT job.id FROM session CROSS JOIN job ON job.state = 'leased' AND job.session = session.id
WHERE job.queue_id = ? ORDER BY job.id LIMIT ?
"""
_LEASED = """
SELECT COUNT(*) FROM session CROSS JOIN job ON job.state = 'leased' AND job.session = session.id WHERE job.queue_id = ?
"""


def stats(connection: sqlite3.Connection, namespace: str | None, *, now: Micros) -> NamespaceStats:
    """Call inside one read transaction."""
    counts = [
        QueueCounts(
            namespace=row[0], queue=row[1], oldest_ready_at=row[-1], **dict(zip(COUNTS, row[3:-1], strict=True))
        )
        for row in connection.execute(_LEDGER, (namespace,)).fetchall()
    ]
    return _snapshot(connection, namespace, counts, now=now)


def audit(connection: sqlite3.Connection, *, now: Micros) -> NamespaceStats:
    """Call inside one read transaction."""
    states: dict[int, dict[str, int]] = {}
    for queue_id, state, number in connection.execute(_SCAN).fetchall():
        states.setdefault(queue_id, {})[state] = number
    counts = [
        QueueCounts(
            namespace=row[0],
            queue=row[1],
            accepted=row[3 + COUNTS.index("accepted")],
            purged=row[3 + COUNTS.index("purged")],
            oldest_ready_at=row[-1],
            **states.get(row[2], {}),
        )
        for row in connection.execute(_LEDGER, (None,)).fetchall()
    ]
    return _snapshot(connection, None, counts, now=now)


def queues(connection: sqlite3.Connection, namespace: str, *, now: Micros) -> list[Queue]:
    found = catalog.read_queues(connection, namespace)
    if all(queue.name != DEFAULT_QUEUE for queue in found):
        found.append(new_queue(namespace, DEFAULT_QUEUE, now=now))
    return sorted(found, key=lambda queue: queue.name)


def session(connection: sqlite3.Connection, session: str) -> WorkerInfo | None:
    found = session_rows.read(connection, [session]).get(session)
    return None if found is None or found.closed else session_view(found, held=_held(connection, session))


def workers(connection: sqlite3.Connection, namespace: str | None, *, now: Micros) -> list[WorkerInfo]:
    sessions = session_rows.select(connection, "(?1 IS NULL OR namespace = ?1)", (namespace,))
    return [
        session_view(session, held=_held(connection, session.id))
        for session in sessions
        if session_rows.is_shown(session, now=now)
    ]


def explain(connection: sqlite3.Connection, ref: JobRef, *, gauges: Gauges, now: Micros) -> Explanation | None:
    """Call inside one read transaction."""
    job = reading.get(connection, [ref])[0]
    if job is None:
        return None
    queue_id, rank = connection.execute("SELECT queue_id, rank FROM job WHERE id = ?", (job.id,)).fetchone()
    queue = catalog.read_queue(connection, job.namespace, job.queue)
    if queue is None and job.queue == DEFAULT_QUEUE:
        queue = new_queue(job.namespace, job.queue, now=now)
    running = int(connection.execute(_LEASED, (queue_id,)).fetchone()[0])
    serving = _serving(connection, job, now=now)
    capable = [session for session in serving if job.task in session.tasks]
    ahead = 0
    if job.phase is Phase.QUEUED:
        ahead = int(connection.execute(_AHEAD, (queue_id, rank, job.id, MOST_AHEAD)).fetchone()[0])
    return Explanation(
        job=job,
        queue=queue,
        ahead=ahead,
        permit_holders=_holders(connection, job, queue, queue_id, running),
        workers=len(serving),
        capable_workers=len(capable),
        free_slots=sum(
            max(0, session.slots - _held(connection, session.id)) for session in capable if not session.draining
        ),
        running_in_queue=running,
        rate_retry_after_seconds=_rate_wait(connection, queue, queue_id, now=now),
        recent_rate_per_second=gauges.rate(queue_id, now=now),
    )


def _serving(connection: sqlite3.Connection, job: Job, *, now: Micros) -> list[SessionState]:
    live = session_rows.select(connection, "namespace = ? AND NOT closed AND expires_at > ?", (job.namespace, now))
    return [session for session in live if job.queue in session.queues]


def _held(connection: sqlite3.Connection, session: str) -> int:
    sql = "SELECT COUNT(*) FROM job WHERE state = 'leased' AND session = ?"
    return int(connection.execute(sql, (session,)).fetchone()[0])


def _holders(
    connection: sqlite3.Connection, job: Job, queue: Queue | None, queue_id: int, running: int
) -> tuple[str, ...]:
    """Of its key's permits where it waits for one; of the queue's where that is full."""
    most = None if queue is None else queue.limits.max_concurrency
    if job.reason is Reason.LIMITED:
        found = connection.execute(_KEY_HOLDERS, (queue_id, job.concurrency_key, MOST_HOLDERS))
    elif job.phase is Phase.QUEUED and most is not None and running >= most:
        found = connection.execute(_QUEUE_HOLDERS, (queue_id, MOST_HOLDERS))
    else:
        return ()
    return tuple(row[0] for row in found.fetchall())


def _rate_wait(connection: sqlite3.Connection, queue: Queue | None, queue_id: int, *, now: Micros) -> float | None:
    if queue is None or queue.limits.rate_per_second is None:
        return None
    cell = int(connection.execute("SELECT rate_cell FROM queue WHERE id = ?", (queue_id,)).fetchone()[0])
    return rate.retry_after_seconds(cell, rate=queue.limits.rate_per_second, now=now) or None


def _snapshot(
    connection: sqlite3.Connection, namespace: str | None, counts: list[QueueCounts], *, now: Micros
) -> NamespaceStats:
    incarnation, seq = connection.execute("SELECT incarnation, seq FROM store").fetchone()
    return NamespaceStats(namespace=namespace, incarnation=incarnation, seq=seq, at=now, queues=tuple(counts))
