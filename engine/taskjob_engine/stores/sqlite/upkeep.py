"""What time alone changes: the verbs expire and promote, in bounded steps, and when they next have work."""

from __future__ import annotations

import sqlite3

from taskjob.model import AttemptOutcome, Micros
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.fencing import ATTEMPT_TIMED_OUT, LEASE_EXPIRED
from taskjob_engine.lifecycle.history import lapse, over_time
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.policies.dead_letters import dead_letters
from taskjob_engine.policies.queue_change import end_pause, pause_is_over
from taskjob_engine.policies.sessions import closed
from taskjob_engine.store import Expired, Promoted
from taskjob_engine.stores.sqlite import permits, queues, session_rows
from taskjob_engine.stores.sqlite.deliveries import end_delivery
from taskjob_engine.stores.sqlite.rows import Loaded
from taskjob_engine.stores.sqlite.transaction import Transaction

_LAPSING = """
SELECT job.pk FROM session CROSS JOIN job ON job.state = 'leased' AND job.session = session.id
WHERE session.closed
    AND CASE WHEN job.concurrency_key IS NULL THEN session.expires_at ELSE session.full_expires_at END <= ?1
ORDER BY session.id, job.id LIMIT ?2
"""
_OVER_TIME = """
SELECT job.pk FROM job CROSS JOIN session ON session.id = job.session
WHERE job.timeout_at <= ?1 AND job.timeout_at + CAST(session.ttl_seconds * 1000000 AS INTEGER) <= ?1
ORDER BY job.timeout_at LIMIT ?2
"""
_OVERDUE = """
SELECT pk FROM job WHERE state IN ('waiting', 'ready') AND deadline_at IS NOT NULL AND deadline_at <= ?
ORDER BY deadline_at LIMIT ?
"""
_UNMOVED = "('Suspended', 'Limited', 'Blocked')"
_DUE = f"""
SELECT pk FROM job WHERE state = 'waiting' AND due_at <= ? AND reason NOT IN {_UNMOVED} ORDER BY due_at LIMIT ?
"""  # noqa: S608 - our own names

_NEXT_DUE = f"""
SELECT MIN(at) FROM (
    SELECT (SELECT due_at FROM job WHERE state = 'waiting' AND due_at IS NOT NULL AND reason NOT IN {_UNMOVED}
            ORDER BY due_at LIMIT 1) AS at
    UNION ALL SELECT (SELECT deadline_at FROM job WHERE state IN ('waiting', 'ready') AND deadline_at IS NOT NULL
                      ORDER BY deadline_at LIMIT 1)
    UNION ALL SELECT MIN(job.timeout_at + CAST(session.ttl_seconds * 1000000 AS INTEGER))
              FROM job CROSS JOIN session ON session.id = job.session WHERE job.timeout_at IS NOT NULL
    UNION ALL SELECT MIN(paused_until) FROM queue WHERE declared
    UNION ALL SELECT MIN(expires_at) FROM session WHERE NOT closed
    UNION ALL SELECT MIN(CASE WHEN job.concurrency_key IS NULL THEN session.expires_at ELSE session.full_expires_at END)
              FROM session CROSS JOIN job ON job.state = 'leased' AND job.session = session.id WHERE session.closed
)
"""  # noqa: S608 - our own names


def expire(tx: Transaction, limit: int, as_of: Micros | None, skipped: Micros) -> Expired:
    at = tx.now if as_of is None else min(tx.now, as_of)
    gone = session_rows.select(tx.connection, "NOT closed AND expires_at <= ?", (at,))
    for session in gone:
        session_rows.write(tx.connection, closed(session, now=tx.now))

    lapsing = _found(tx, _LAPSING, limit + 1, at=at)
    ended: list[JobState] = []
    lost = 0
    causes = session_rows.causes(tx.connection) if lapsing else {}
    for loaded in lapsing[:limit]:
        ending = lapse(loaded.job, causes.get(loaded.job.session or "", LEASE_EXPIRED))
        lost += ending.outcome is AttemptOutcome.LOST
        ended.append(end_delivery(tx, _current(tx, loaded), ending))
    left = limit - min(limit, len(lapsing))

    late = _found(tx, _OVER_TIME, left + 1, at=at - skipped)
    timed_out = 0
    for loaded in late[:left]:
        ending = over_time(loaded.job, ATTEMPT_TIMED_OUT)
        timed_out += ending.outcome is AttemptOutcome.TIMED_OUT
        ended.append(end_delivery(tx, _current(tx, loaded), ending))
    over = min(left, len(late))
    left -= over

    overdue = _found(tx, _OVERDUE, left + 1, at=at)
    for loaded in overdue[:left]:
        current = _current(tx, loaded)
        after = transitions.expire_deadline(current.job, now=tx.now)
        if after is not None:
            ended.append(permits.keep(tx, current, after))
    deadlines = min(left, len(overdue))
    lapsed = min(limit, len(lapsing))
    return Expired(
        lapsed=lost,
        released=lapsed - lost + over - timed_out,
        timed_out=timed_out,
        deadlines=deadlines,
        sessions=len(gone),
        dead_letters=dead_letters(ended),
        more=len(lapsing) + len(late) + len(overdue) > lapsed + over + deadlines,
    )


def promote(tx: Transaction, limit: int) -> Promoted:
    for entry in list(tx.catalog.queues.values()):
        if pause_is_over(entry.queue, now=tx.now):
            tx.catalog.put(entry._replace(queue=end_pause(entry.queue)))
            queues.announce_work(tx, entry.id)
    due = _found(tx, _DUE, limit + 1)
    for loaded in due[:limit]:
        current = _current(tx, loaded)
        after = transitions.promote(current.job, now=tx.now)
        if after is not None:
            permits.keep(tx, current, after)
    return Promoted(promoted=min(limit, len(due)), more=len(due) > limit)


def next_due_at(connection: sqlite3.Connection) -> Micros | None:
    found = connection.execute(_NEXT_DUE).fetchone()[0]
    return None if found is None else int(found)


def _found(tx: Transaction, sql: str, limit: int, *, at: Micros | None = None) -> list[Loaded]:
    tx.flush_rows()
    return tx.load_pks([row[0] for row in tx.select(sql, (tx.now if at is None else at, limit))])


def _current(tx: Transaction, loaded: Loaded) -> Loaded:
    """A keyed job may have been handed a permit since it was read."""
    return loaded if loaded.job.concurrency_key is None else tx.load_pks([loaded.pk])[0]
