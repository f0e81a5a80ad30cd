"""Opening, renewing and closing worker sessions, and what becomes of their leases meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from taskjob.errors import ConflictError
from taskjob.model import AttemptOutcome, Micros
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.fencing import lost_reason
from taskjob_engine.lifecycle.history import hand_back_outcome, lapse
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.policies.dead_letters import dead_letters
from taskjob_engine.policies.sessions import (
    SessionState,
    ended,
    gone,
    is_meant,
    is_unheld,
    lapse_due_at,
    opened,
    refusal,
    renewed,
)
from taskjob_engine.store import (
    Expired,
    LeaseReason,
    PrincipalEnd,
    ProgressMark,
    Renewal,
    Renewed,
    SessionClosed,
    SessionEnd,
    SessionOpen,
    StartMark,
)
from taskjob_engine.stores.memory.ending import end_delivery
from taskjob_engine.stores.memory.rows import JobRow
from taskjob_engine.stores.memory.tables import Tables


def open_session(db: Tables, item: SessionOpen, *, incarnation: str, now: Micros) -> int:
    if item.session in db.sessions:
        raise ConflictError(f"session {item.session} exists already", hint="resume it, or open one with a new id")
    session = db.sessions[item.session] = opened(item, incarnation=incarnation, now=now)
    return session.epoch


def renew(db: Tables, item: Renewal, *, incarnation: str, now: Micros, jitter: Callable[[], float]) -> Renewed:
    session = db.sessions.get(item.ref.session)
    reason = refusal(session, item.ref, incarnation=incarnation, new_epoch=item.new_epoch)
    if session is None or reason is not None:
        return Renewed(renewed=False, reason=reason)
    session = db.sessions[session.id] = renewed(session, item, now=now)
    lost: dict[tuple[str, str], LeaseReason] = {}
    marks: tuple[StartMark | ProgressMark, ...] = (*item.started, *item.progress)
    for mark in marks:
        _report(db, session, mark, lost, now=now)
    released: list[JobState] = []
    if item.holding is not None:
        for job, lease in item.holding:
            _held(db, session, job, lease, lost)
        released = _release_unheld(db, session, item, now=now, jitter=jitter)
    return Renewed(
        renewed=True,
        epoch=session.epoch,
        lost=tuple(lost.values()),
        cancelling=tuple(_stop_orders(db, session, now=now)),
        released=len(released),
        dead_letters=dead_letters(released),
    )


def close(db: Tables, item: SessionEnd, *, incarnation: str, now: Micros, jitter: Callable[[], float]) -> SessionClosed:
    session = db.sessions.get(item.ref.session)
    if session is None or refusal(session, item.ref, incarnation=incarnation) is not None:
        return SessionClosed(closed=False)
    db.sessions[session.id] = ended(session, item, now=now)
    held = leases_of(db, session) if item.release else []
    for row in held:
        end_delivery(db, row, Ending(hand_back_outcome(row.job)), now=now, jitter=jitter())
    return SessionClosed(closed=True, dead_letters=dead_letters(row.job for row in held))


def end_principal(db: Tables, item: PrincipalEnd, *, now: Micros, jitter: Callable[[], float]) -> Expired:
    mine = [s for s in db.sessions.values() if is_meant(s, item)]
    lapsed: list[JobRow] = []
    lost = 0
    for session in sorted(mine, key=lambda s: s.id):
        session = db.sessions[session.id] = gone(session, item.error, now=now)  # noqa: PLW2901 - the same, ended
        for row in leases_of(db, session):
            if lapse_due_at(session, row.job) > now:
                continue
            ending = lapse(row.job, item.error)
            lost += ending.outcome is AttemptOutcome.LOST
            end_delivery(db, row, ending, now=now, jitter=jitter())
            lapsed.append(row)
    return Expired(
        lapsed=lost,
        released=len(lapsed) - lost,
        sessions=len(mine),
        dead_letters=dead_letters([row.job for row in lapsed]),
    )


def leases_of(db: Tables, session: SessionState) -> list[JobRow]:
    """The session's leased jobs, by id."""
    return [db.jobs[job] for job in sorted(db.leases[session.id])]


def _report(
    db: Tables,
    session: SessionState,
    mark: StartMark | ProgressMark,
    lost: dict[tuple[str, str], LeaseReason],
    *,
    now: Micros,
) -> None:
    row = _held(db, session, mark.job, mark.lease, lost)
    if row is None:
        return
    if isinstance(mark, StartMark):
        after = transitions.start(row.job, ago_seconds=mark.ago_seconds, now=now)
        if after is not None:
            db.move(row, after, now=now)
        return
    details = msgspec.structs.replace(
        row.details,
        progress=row.details.progress if mark.progress is None else mark.progress,
        checkpoint=row.details.checkpoint if mark.checkpoint is None else mark.checkpoint,
    )
    if details != row.details:
        row.details = details
        db.move(row, transitions.reported(row.job), now=now)


def _held(
    db: Tables, session: SessionState, job: str, lease: str, lost: dict[tuple[str, str], LeaseReason]
) -> JobRow | None:
    """The row of a lease that the session has; else it is told as lost."""
    row = db.jobs.get(job)
    if row is not None and row.job.namespace != session.namespace:
        row = None
    if row is not None and row.job.lease_id == lease and row.job.session == session.id:
        return row
    reason = lost_reason(None if row is None else row.job, None if row is None else row.past.get(lease))
    lost[job, lease] = LeaseReason(job=job, lease=lease, reason=reason)
    return None


def _release_unheld(
    db: Tables, session: SessionState, item: Renewal, *, now: Micros, jitter: Callable[[], float]
) -> list[JobState]:
    holding = set(item.holding or ())
    unheld = [
        row
        for row in leases_of(db, session)
        if (row.job.id, row.job.lease_id) not in holding and is_unheld(row.lease_seq, item.holding_seq)
    ]
    for row in unheld:
        end_delivery(db, row, Ending(AttemptOutcome.RELEASED), now=now, jitter=jitter())
    return [row.job for row in unheld]


def _stop_orders(db: Tables, session: SessionState, *, now: Micros) -> Iterable[LeaseReason]:
    for row in leases_of(db, session):
        reason = transitions.stop_order(row.job, now=now)
        if reason is not None:
            yield LeaseReason(job=row.job.id, lease=row.job.lease_id or "", reason=reason)
