"""The record of a worker session and the rules on it: who may speak for it, and when it ends. Pure.

Epochs: a call must name the stored epoch. A lower one was superseded; a higher one belongs to a history that
this store does not have. `new_epoch` (resume) is accepted at any epoch up to the stored one, as the reply
to an earlier resume may have been lost, and always wins over older connections.
"""

from __future__ import annotations

import msgspec

from taskjob.model import ErrorInfo, Micros, WorkerInfo
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.store import PrincipalEnd, Renewal, SessionEnd, SessionOpen, SessionRef

_replace = msgspec.structs.replace


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_at` may be shortened by a close; `full_expires_at` (last renewal + TTL) rules keyed jobs.
    `last_seq` is the seq of the last lease call that granted something in this epoch. `closed` sessions take
    no call any more, but keyed leases of theirs may stand until `full_expires_at`; `ended_by` is the error that those
    will have, where more is known than silence."""

    id: str
    principal: str
    worker: str
    namespace: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    carrier: str
    incarnation: str
    ttl_seconds: float
    connected_at: Micros
    renewed_at: Micros
    expires_at: Micros
    full_expires_at: Micros
    epoch: int = 1
    last_seq: int | None = None
    draining: bool = False
    closed: bool = False
    closed_at: Micros | None = None
    ended_by: ErrorInfo | None = None


def opened(item: SessionOpen, *, incarnation: str, now: Micros) -> SessionState:
    expires_at = now + micros(item.ttl_seconds)
    return SessionState(
        id=item.session,
        principal=item.principal,
        worker=item.worker,
        namespace=item.namespace,
        queues=item.queues,
        tasks=item.tasks,
        slots=item.slots,
        carrier=item.carrier,
        incarnation=incarnation,
        ttl_seconds=item.ttl_seconds,
        connected_at=now,
        renewed_at=now,
        expires_at=expires_at,
        full_expires_at=expires_at,
    )


def refusal(session: SessionState | None, ref: SessionRef, *, incarnation: str, new_epoch: bool = False) -> str | None:
    """Why this call may not speak for the session, None where it may. Foreign sessions look like missing ones
    to no one: whoever names a session id but is another principal is told WrongWorker."""
    if session is None:
        return "SessionGone"
    if session.principal != ref.principal:
        return "WrongWorker"
    if session.incarnation != incarnation:
        return "IncarnationChanged"
    if session.closed or ref.epoch > session.epoch:
        return "SessionGone"
    if ref.epoch < session.epoch and not new_epoch:
        return "Superseded"
    return None


def renewed(session: SessionState, item: Renewal, *, now: Micros) -> SessionState:
    """Also revives a session that is past its expiry but was not swept yet (our own outage, hold-off)."""
    expires_at = now + micros(item.ttl_seconds)
    return _replace(
        session,
        ttl_seconds=item.ttl_seconds,
        renewed_at=now,
        expires_at=expires_at,
        full_expires_at=expires_at,
        epoch=session.epoch + 1 if item.new_epoch else session.epoch,
        last_seq=None if item.new_epoch else session.last_seq,
        draining=session.draining or item.draining,
    )


def ended(session: SessionState, item: SessionEnd, *, now: Micros) -> SessionState:
    """After `session_close`: gone at once (0 seconds, or released), else with a shorter expiry, never a longer."""
    if item.release or item.within_seconds <= 0:
        return closed(_replace(session, expires_at=min(session.expires_at, now)), now=now)
    return _replace(session, expires_at=min(session.expires_at, now + micros(item.within_seconds)))


def is_meant(session: SessionState, end: PrincipalEnd) -> bool:
    """Whether the end of a principal is the end of this session."""
    if session.principal != end.principal or session.closed:
        return False
    return end.connected_before is None or session.connected_at < end.connected_before


def gone(session: SessionState, error: ErrorInfo, *, now: Micros) -> SessionState:
    """After its worker's death was told: what is not held back for its key lapses at once."""
    return closed(_replace(session, expires_at=min(session.expires_at, now), ended_by=error), now=now)


def closed(session: SessionState, *, now: Micros) -> SessionState:
    return _replace(session, closed=True, closed_at=now)


def lapse_due_at(session: SessionState, job: JobState) -> Micros:
    """When a lease of this session lapses unless renewed: a keyed job's only after the worker's self-kill."""
    return session.expires_at if job.concurrency_key is None else session.full_expires_at


def is_unheld(lease_seq: int | None, holding_seq: int | None) -> bool:
    """Whether a lease that `holding` does not name is known not to be held, and thus released: granted by a seq
    below `holding_seq`, or by any where that is None. A pushed grant (no seq) may still be on its way."""
    return holding_seq is None or (lease_seq is not None and lease_seq < holding_seq)


def session_view(session: SessionState, *, held: int) -> WorkerInfo:
    return WorkerInfo(
        session=session.id,
        epoch=session.epoch,
        name=session.worker,
        namespace=session.namespace,
        queues=session.queues,
        tasks=session.tasks,
        slots=session.slots,
        carrier=session.carrier,
        held=held,
        draining=session.draining,
        connected_at=session.connected_at,
        renewed_at=session.renewed_at,
        expires_at=session.expires_at,
        closed=session.closed,
    )


def with_last_seq(session: SessionState, seq: int) -> SessionState:
    return _replace(session, last_seq=seq)
