"""What time alone changes: lapses, time-outs, deadlines, due jobs, ended pauses, retention. Bounded steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from taskjob.model import AttemptOutcome, Micros
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.fencing import ATTEMPT_TIMED_OUT, LEASE_EXPIRED
from taskjob_engine.lifecycle.history import lapse, over_time
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.policies.dead_letters import dead_letters
from taskjob_engine.policies.queue_change import end_pause, pause_is_over
from taskjob_engine.policies.sessions import closed, lapse_due_at
from taskjob_engine.store import Expired, Promoted, Pruned
from taskjob_engine.stores.memory.ending import end_delivery
from taskjob_engine.stores.memory.rows import JobRow
from taskjob_engine.stores.memory.sessions import leases_of
from taskjob_engine.stores.memory.tables import Tables

CLOSED_KEPT = 60 * SECOND


def expire(db: Tables, limit: int, *, now: Micros, at: Micros, skipped: Micros, jitter: Callable[[], float]) -> Expired:
    """`at` says what is due, `now` stamps it."""
    gone = [s for s in db.sessions.values() if not s.closed and s.expires_at <= at]
    for session in gone:
        db.sessions[session.id] = closed(session, now=now)

    ended: list[JobState] = []
    lapsed = released = 0
    lapsing = list(_lapsing(db, now=at))
    for row in lapsing[:limit]:
        ending = lapse(row.job, db.sessions[row.job.session or ""].ended_by or LEASE_EXPIRED)
        lapsed += ending.outcome is AttemptOutcome.LOST
        released += ending.outcome is AttemptOutcome.RELEASED
        end_delivery(db, row, ending, now=now, jitter=jitter())
        ended.append(row.job)

    left = limit - lapsed - released
    late = list(_over_time(db, now=at - skipped))
    timed_out = 0
    for row in late[:left]:
        ending = over_time(row.job, ATTEMPT_TIMED_OUT)
        timed_out += ending.outcome is AttemptOutcome.TIMED_OUT
        released += ending.outcome is AttemptOutcome.RELEASED
        end_delivery(db, row, ending, now=now, jitter=jitter())
        ended.append(row.job)

    left -= min(left, len(late))
    overdue = db.deadlines.until(at, left + 1)
    for job in overdue[:left]:
        row = db.jobs[job]
        after = transitions.expire_deadline(row.job, now=now)
        if after is not None:
            db.move(row, after, now=now)
            ended.append(row.job)
    deadlines = min(left, len(overdue))
    return Expired(
        lapsed=lapsed,
        released=released,
        timed_out=timed_out,
        deadlines=deadlines,
        sessions=len(gone),
        dead_letters=dead_letters(ended),
        more=len(lapsing) + len(late) + len(overdue) > lapsed + released + timed_out + deadlines,
    )


def promote(db: Tables, limit: int, *, now: Micros) -> Promoted:
    for key, queue in db.queues.items():
        if pause_is_over(queue, now=now):
            db.queues[key] = end_pause(queue)
            db.announce_work(key)
    due = db.due.until(now, limit + 1)
    for job in due[:limit]:
        row = db.jobs[job]
        after = transitions.promote(row.job, now=now)
        if after is not None:
            db.move(row, after, now=now)
    return Promoted(promoted=min(limit, len(due)), more=len(due) > limit)


def prune(db: Tables, limit: int, swept: Sequence[str], *, now: Micros) -> Pruned:
    for garbage in swept:
        db.garbage.pop(garbage, None)
    old = db.retention.until(now, limit + 1)
    for job in old[:limit]:
        db.remove(db.jobs[job])
    keys = db.key_retention.until(now, limit + 1)
    for key in keys[:limit]:
        del db.keys[key]
        db.key_retention.drop(key)
    for session in list(db.sessions.values()):
        if session.closed and (session.closed_at or 0) + CLOSED_KEPT <= now and not db.leases[session.id]:
            del db.sessions[session.id], db.leases[session.id]
    garbage_left = tuple(db.garbage.values())[:limit]
    return Pruned(
        jobs=min(limit, len(old)),
        keys=min(limit, len(keys)),
        garbage=garbage_left,
        more=len(old) > limit or len(keys) > limit,
    )


def next_due_at(db: Tables) -> Micros | None:
    times = [first[0] for index in (db.due, db.deadlines) if (first := index.first()) is not None]
    times += [_time_out_at(db, db.jobs[job]) for _, job in db.timeouts]
    times += [queue.paused_until for queue in db.queues.values() if queue.paused_until is not None]
    for session in db.sessions.values():
        if not session.closed:
            times.append(session.expires_at)
        times += [lapse_due_at(session, row.job) for row in leases_of(db, session)]
    return min(times, default=None)


def _lapsing(db: Tables, *, now: Micros) -> Iterator[JobRow]:
    for session in sorted(db.sessions.values(), key=lambda s: s.id):
        if session.closed:
            yield from (row for row in leases_of(db, session) if lapse_due_at(session, row.job) <= now)


def _over_time(db: Tables, *, now: Micros) -> Iterator[JobRow]:
    """Leases that their worker should have ended long ago."""
    for job in db.timeouts.until(now, len(db.timeouts)):
        if _time_out_at(db, db.jobs[job]) <= now:
            yield db.jobs[job]


def _time_out_at(db: Tables, row: JobRow) -> Micros:
    session = db.sessions[row.job.session or ""]
    return (row.job.timeout_at or 0) + micros(session.ttl_seconds)
