"""A worker's session: opened, renewed, resumed, closed. One row each carries the expiry of all its leases."""

from __future__ import annotations

from taskjob.model import ErrorInfo, Micros
from taskjob_engine.store.upkeep import DeadLetters
from taskjob_engine.store.value import Value


class SessionOpen(Value, frozen=True, kw_only=True):
    """`principal` is who the caller was authenticated as; a session and its leases are bound to it."""

    session: str
    principal: str
    worker: str
    namespace: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    carrier: str
    ttl_seconds: float


class SessionRef(Value, frozen=True, kw_only=True):
    """Names a session as its worker does. A lower epoch than the stored one, or another principal, is refused.

    It names no namespace: a store that is sharded by namespace keeps an index session → namespace beside its shards,
    which never changes in the session's life.
    """

    session: str
    epoch: int
    principal: str


class Renewal(Value, frozen=True, kw_only=True):
    """Renew, and tell what happened since. `holding`, where not None, is complete: leases of this session granted
    by a seq below `holding_seq` (None: any) and not named are released uncharged. `epoch` may be raised: `new_epoch`
    supersedes (resume). `draining` says that the worker takes no more work; a session stays so to its end."""

    ref: SessionRef
    ttl_seconds: float
    holding: tuple[tuple[str, str], ...] | None = None
    holding_seq: int | None = None
    new_epoch: bool = False
    draining: bool = False
    started: tuple[StartMark, ...] = ()
    progress: tuple[ProgressMark, ...] = ()


class StartMark(Value, frozen=True, kw_only=True):
    job: str
    lease: str
    ago_seconds: float = 0.0


class ProgressMark(Value, frozen=True, kw_only=True):
    """None leaves a field alone; `checkpoint` is raw JSON."""

    job: str
    lease: str
    progress: str | None = None
    checkpoint: bytes | None = None


class Renewed(Value, frozen=True, kw_only=True):
    """`renewed` False: gone or superseded (`reason` SessionGone, Superseded, WrongWorker, IncarnationChanged);
    nothing else was done. `lost` names leases that the caller presented (holding, started, progress) and does
    not have; `cancelling` those whose job is to be cancelled or has passed its time."""

    renewed: bool
    epoch: int = 0
    reason: str | None = None
    lost: tuple[LeaseReason, ...] = ()
    cancelling: tuple[LeaseReason, ...] = ()
    released: int = 0
    dead_letters: tuple[DeadLetters, ...] = ()
    """Jobs that were released once too often."""


class LeaseReason(Value, frozen=True, kw_only=True):
    job: str
    lease: str
    reason: str


class PrincipalEnd(Value, frozen=True, kw_only=True):
    """Whoever `principal` was is certainly gone; `error` says of what, in the record of each attempt it held.
    `connected_before`: only who came before that moment; another goes on under the same name."""

    principal: str
    error: ErrorInfo
    connected_before: Micros | None = None


class SessionEnd(Value, frozen=True, kw_only=True):
    """`within_seconds` shortens the expiry (never lengthens it); 0 ends the session now.

    `release` hands its leases back uncharged (`bye`: released if never started, interrupted if started);
    else they lapse when the expiry passes. Jobs with a concurrency key keep the full expiry of the last
    renewal, whatever `within_seconds` says. A stale epoch changes nothing.
    """

    ref: SessionRef
    within_seconds: float = 0.0
    release: bool = False


class SessionClosed(Value, frozen=True, kw_only=True):
    """`closed` False: the epoch was stale, the principal another or the session gone; nothing changed.
    `dead_letters`: jobs that were handed back once too often."""

    closed: bool
    dead_letters: tuple[DeadLetters, ...] = ()
