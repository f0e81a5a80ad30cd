"""Reading what waits in queues and what serves them: the verbs loads and managed_queues."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from taskjob.model import Micros
from taskjob_engine.policies.queue_change import DEFAULT_QUEUE, new_queue
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.store import QueueLoad
from taskjob_engine.stores.sqlite import catalog, session_rows
from taskjob_engine.stores.sqlite.ledger import BOTH
from taskjob_engine.stores.sqlite.rows import json_text

# Sums over nothing are NULL: a queue that never had a job.
_COUNTS = f"""
SELECT (SELECT id FROM queue WHERE namespace = ?1 AND name = ?2),
    COALESCE(SUM(counts.ready), 0), COALESCE(SUM(counts.leased), 0), COALESCE(SUM(counts.waiting), 0),
    COALESCE(SUM(counts.dead_letter), 0)
FROM {BOTH} AS counts WHERE queue_id = (SELECT id FROM queue WHERE namespace = ?1 AND name = ?2)
"""  # noqa: S608 - our own names
_BLOCKED = """
SELECT (SELECT COUNT(*) FROM job INDEXED BY job_limited WHERE reason = 'Limited' AND queue_id = ?1)
    + (SELECT COUNT(*) FROM job INDEXED BY job_held
        WHERE state = 'waiting' AND reason IN ('Suspended', 'Blocked') AND queue_id = ?1)
"""
_OLDEST = "SELECT ready_at FROM job WHERE state = 'ready' AND queue_id = ? ORDER BY ready_at LIMIT 1"
_UNSERVABLE = """
SELECT COUNT(*) FROM job INDEXED BY job_ready WHERE state = 'ready' AND queue_id = ?1
    AND task_id IN (SELECT id FROM task WHERE name NOT IN (SELECT value FROM json_each(?2)))
"""
_HELD = "SELECT COUNT(*) FROM job WHERE state = 'leased' AND session IN (SELECT value FROM json_each(?))"


class _Counts(NamedTuple):
    queue_id: int | None
    ready: int
    running: int
    waiting: int
    dead_letters: int


def loads(connection: sqlite3.Connection, names: Sequence[tuple[str, str]], *, now: Micros) -> list[QueueLoad]:
    """Call inside one read transaction."""
    live = session_rows.select(connection, "NOT closed AND expires_at > ?", (now,))
    return [_load(connection, namespace, name, live, now=now) for namespace, name in names]


def managed_queues(connection: sqlite3.Connection, cluster_id: str) -> list[tuple[str, str]]:
    sql = "SELECT namespace, name FROM queue WHERE managed_by = ? ORDER BY namespace, name"
    return [(namespace, name) for namespace, name in connection.execute(sql, (cluster_id,)).fetchall()]


def _load(
    connection: sqlite3.Connection, namespace: str, name: str, live: Sequence[SessionState], *, now: Micros
) -> QueueLoad:
    queue = catalog.read_queue(connection, namespace, name)
    if queue is None and name == DEFAULT_QUEUE:
        queue = new_queue(namespace, name, now=now)
    serving = [session for session in live if session.namespace == namespace and name in session.queues]
    counts = _Counts(*connection.execute(_COUNTS, (namespace, name)).fetchone())
    blocked = unservable = 0
    oldest: Micros | None = None
    if counts.waiting:
        blocked = int(connection.execute(_BLOCKED, (counts.queue_id,)).fetchone()[0])
    if counts.ready:
        oldest = int(connection.execute(_OLDEST, (counts.queue_id,)).fetchone()[0])
        unservable = _unservable(connection, counts, serving)
    return QueueLoad(
        namespace=namespace,
        name=name,
        queue=queue,
        ready=counts.ready,
        running=counts.running,
        delayed=counts.waiting - blocked,
        blocked=blocked,
        dead_letters=counts.dead_letters,
        unservable=unservable,
        oldest_ready_at=oldest,
        workers=len(serving),
        slots=sum(session.slots for session in serving),
        busy_slots=int(connection.execute(_HELD, (json_text([session.id for session in serving]),)).fetchone()[0]),
    )


def _unservable(connection: sqlite3.Connection, counts: _Counts, serving: Sequence[SessionState]) -> int:
    known = sorted({task for session in serving for task in session.tasks})
    if not known:
        return counts.ready
    return int(connection.execute(_UNSERVABLE, (counts.queue_id, json_text(known))).fetchone()[0])
