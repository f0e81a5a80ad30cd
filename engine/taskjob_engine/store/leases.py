"""Granting work and ending deliveries: the fenced half of the seam."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from taskjob.model import AttemptOutcome, ErrorInfo, Phase
from taskjob_engine.store.sessions import SessionRef
from taskjob_engine.store.value import Value


class LeaseRequest(Value, frozen=True, kw_only=True):
    """Up to `n` jobs for one session, from its queues and tasks, in rank order across them.

    `seq`: where not None and equal to the session's last leasing seq, the same grants are told again (those
    that are still leased and unsettled) and nothing new is leased. `max_bytes` bounds payload + checkpoint bytes;
    one job always fits.
    """

    ref: SessionRef
    n: int
    seq: int | None = None
    max_bytes: int = 4 * 1024 * 1024


class Granted(Value, frozen=True, kw_only=True):
    """A leased job, with all a worker needs. `timeout_seconds` is what is left of attempt time and deadline."""

    job: str
    lease: str
    namespace: str
    queue: str
    task: str
    payload: bytes
    run: int
    delivery: int
    attempt: int
    max_attempts: int
    timeout_seconds: float
    checkpoint: bytes | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    suspect: bool = False
    waited_seconds: float = 0.0


class Leased(Value, frozen=True, kw_only=True):
    """`refused` as `Renewed.reason`. `retry_after_seconds` where a rate limit alone held work back."""

    grants: tuple[Granted, ...] = ()
    replayed: bool = False
    refused: str | None = None
    retry_after_seconds: float | None = None


class Settlement(Value, frozen=True, kw_only=True):
    """The end of one delivery, told by the session that holds it. `result` is raw JSON small enough for the
    store, or `result_ref` names the artifact that holds it. `namespace` is the session's: the façade needs it to
    place a large result, stores compare the lease."""

    job: str
    lease: str
    session: str
    principal: str
    namespace: str = ""
    outcome: AttemptOutcome
    result: bytes | None = None
    result_ref: str | None = None
    error: ErrorInfo | None = None
    retryable: bool = True
    delay_seconds: float | None = None
    duration_seconds: float = 0.0


class SettleVerdict(StrEnum):
    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    STALE = "stale"


class Settled(Value, frozen=True, kw_only=True):
    """`stale` carries a reason: Expired, Superseded, Released, Finished, WrongWorker, IncarnationChanged, UnknownJob.

    A repeat of the same lease with the same outcome is `replayed`; with another outcome `stale`/`Finished`.
    `phase` and `namespace`/`queue`/`task` are told for accepted ones (metrics, watchers).
    """

    verdict: SettleVerdict
    reason: str | None = None
    phase: Phase | None = None
    namespace: str = ""
    queue: str = ""
    task: str = ""
