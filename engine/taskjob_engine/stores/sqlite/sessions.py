"""The verbs session_open, session_renew, session_close and end_principals, and what becomes of a session's leases
meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from taskjob.errors import ConflictError
from taskjob.model import AttemptOutcome
from taskjob_engine.lifecycle import fencing, history, transitions
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.policies import sessions as rules
from taskjob_engine.policies.dead_letters import dead_letters
from taskjob_engine.policies.sessions import SessionState
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
from taskjob_engine.stores.sqlite import permits, session_rows
from taskjob_engine.stores.sqlite.deliveries import end_delivery, leases_of, past_delivery
from taskjob_engine.stores.sqlite.rows import Loaded
from taskjob_engine.stores.sqlite.transaction import Transaction


def session_open(tx: Transaction, item: SessionOpen) -> int:
    if session_rows.read(tx.connection, [item.session]):
        raise ConflictError(f"session {item.session} exists already", hint="resume it, or open one with a new id")
    session = rules.opened(item, incarnation=tx.incarnation, now=tx.now)
    session_rows.write(tx.connection, session)
    return session.epoch


def session_renew(tx: Transaction, items: Sequence[Renewal]) -> list[Renewed]:
    return [_renew(tx, item) for item in items]


def session_close(tx: Transaction, items: Sequence[SessionEnd]) -> list[SessionClosed]:
    return [_close(tx, item) for item in items]


def end_principals(tx: Transaction, items: Sequence[PrincipalEnd]) -> list[Expired]:
    return [_end_principal(tx, item) for item in items]


def _end_principal(tx: Transaction, item: PrincipalEnd) -> Expired:
    open_ones = session_rows.select(tx.connection, "principal = ? AND NOT closed", (item.principal,))
    mine = [session for session in open_ones if rules.is_meant(session, item)]
    ended = []
    lost = 0
    for session in mine:
        gone = rules.gone(session, item.error, now=tx.now)
        session_rows.write(tx.connection, gone)
        for loaded in leases_of(tx, session.id):
            if rules.lapse_due_at(gone, loaded.job) > tx.now:
                continue
            ending = history.lapse(loaded.job, item.error)
            lost += ending.outcome is AttemptOutcome.LOST
            ended.append(end_delivery(tx, loaded, ending))
    return Expired(lapsed=lost, released=len(ended) - lost, sessions=len(mine), dead_letters=dead_letters(ended))


def _renew(tx: Transaction, item: Renewal) -> Renewed:
    session = session_rows.read(tx.connection, [item.ref.session]).get(item.ref.session)
    reason = rules.refusal(session, item.ref, incarnation=tx.incarnation, new_epoch=item.new_epoch)
    if session is None or reason is not None:
        return Renewed(renewed=False, reason=reason)
    session = rules.renewed(session, item, now=tx.now)
    session_rows.write(tx.connection, session)
    report = _Report(tx, session)
    report.apply(item)
    released = [] if item.holding is None else _release_unheld(tx, session, item)
    return Renewed(
        renewed=True,
        epoch=session.epoch,
        lost=tuple(report.lost.values()),
        cancelling=_stop_orders(tx, session),
        released=len(released),
        dead_letters=dead_letters(released),
    )


def _close(tx: Transaction, item: SessionEnd) -> SessionClosed:
    session = session_rows.read(tx.connection, [item.ref.session]).get(item.ref.session)
    if session is None or rules.refusal(session, item.ref, incarnation=tx.incarnation) is not None:
        return SessionClosed(closed=False)
    session_rows.write(tx.connection, rules.ended(session, item, now=tx.now))
    if not item.release:
        return SessionClosed(closed=True)
    held = leases_of(tx, session.id)
    released = [end_delivery(tx, loaded, Ending(history.hand_back_outcome(loaded.job))) for loaded in held]
    return SessionClosed(closed=True, dead_letters=dead_letters(released))


class _Report:
    """What one renewal tells of leases; `lost` names those that the session does not have."""

    def __init__(self, tx: Transaction, session: SessionState) -> None:
        self.lost: dict[tuple[str, str], LeaseReason] = {}
        self._tx = tx
        self._session = session
        self._jobs: dict[str, Loaded] = {}

    def apply(self, item: Renewal) -> None:
        named = {mark.job for mark in item.started} | {mark.job for mark in item.progress}
        named |= {job for job, _ in item.holding or ()}
        if not named:
            return
        self._jobs = self._tx.load(sorted(named))
        for start in item.started:
            self._start(start)
        for progress in item.progress:
            self._progress(progress)
        for job, lease in item.holding or ():
            self._held(job, lease)

    def _start(self, mark: StartMark) -> None:
        loaded = self._held(mark.job, mark.lease)
        after = loaded and transitions.start(loaded.job, ago_seconds=mark.ago_seconds, now=self._tx.now)
        if loaded is not None and after is not None:
            self._jobs[mark.job] = loaded._replace(job=permits.keep(self._tx, loaded, after))

    def _progress(self, mark: ProgressMark) -> None:
        loaded = self._held(mark.job, mark.lease)
        if loaded is not None and _keep_progress(self._tx, loaded.pk, mark):
            after = transitions.reported(loaded.job)
            self._jobs[mark.job] = loaded._replace(job=permits.keep(self._tx, loaded, after))

    def _held(self, job: str, lease: str) -> Loaded | None:
        loaded = self._jobs.get(job)
        if loaded is not None and loaded.job.namespace != self._session.namespace:
            loaded = None
        if loaded is not None and loaded.job.lease_id == lease and loaded.job.session == self._session.id:
            return loaded
        past = None if loaded is None else past_delivery(self._tx, loaded.pk, lease)
        reason = fencing.lost_reason(None if loaded is None else loaded.job, past)
        self.lost[job, lease] = LeaseReason(job=job, lease=lease, reason=reason)
        return None


def _keep_progress(tx: Transaction, pk: int, mark: ProgressMark) -> bool:
    """Whether anything differs from what is stored."""
    changed = 0
    if mark.progress is not None:
        changed += tx.connection.execute(
            "UPDATE job SET progress = ?1 WHERE pk = ?2 AND progress IS NOT ?1", (mark.progress, pk)
        ).rowcount
    if mark.checkpoint is not None:
        changed += tx.connection.execute(
            "INSERT INTO checkpoint VALUES (?, ?)"
            " ON CONFLICT (job_pk) DO UPDATE SET body = excluded.body WHERE body IS NOT excluded.body",
            (pk, mark.checkpoint),
        ).rowcount
    return changed > 0


def _release_unheld(tx: Transaction, session: SessionState, item: Renewal) -> list[JobState]:
    holding = set(item.holding or ())
    unheld = [
        loaded
        for loaded in leases_of(tx, session.id)
        if (loaded.job.id, loaded.job.lease_id) not in holding and rules.is_unheld(loaded.lease_seq, item.holding_seq)
    ]
    return [end_delivery(tx, loaded, Ending(AttemptOutcome.RELEASED)) for loaded in unheld]


def _stop_orders(tx: Transaction, session: SessionState) -> tuple[LeaseReason, ...]:
    tx.flush_rows()
    found = tx.select(
        "SELECT pk FROM job WHERE state = 'leased' AND session = ?1"
        " AND (cancel_requested_at IS NOT NULL OR deadline_at <= ?2 OR timeout_at <= ?2)",
        (session.id, tx.now),
    )
    if not found:
        return ()
    jobs = sorted((loaded.job for loaded in tx.load_pks([row[0] for row in found])), key=lambda job: job.id)
    orders = ((job, transitions.stop_order(job, now=tx.now)) for job in jobs)
    return tuple(
        LeaseReason(job=job.id, lease=job.lease_id or "", reason=reason) for job, reason in orders if reason is not None
    )
