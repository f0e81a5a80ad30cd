"""A job, its attempts, and the policy that bounds them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from taskjob.model.phase import Phase, Reason
from taskjob.model.times import Micros


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Common shape of the records: immutable, keyword-only, camelCase on the wire."""


class Backoff(Record, frozen=True, kw_only=True):
    initial_seconds: int = 1
    multiplier: int = 2
    max_seconds: int = 300
    jitter_percent: int = 20


MAX_INTERRUPTIONS = 20
"""Hand-backs of a running attempt (drains, lapsed leases) that one run bears uncharged."""

SPARE_DELIVERIES = 20
"""Deliveries of one run beyond all that its counters bound: what snoozes and hand-backs may use."""


class RetryPolicy(Record, frozen=True, kw_only=True):
    """Bounds of one run, all of them decided. Defaults are the product's, used where neither job nor queue chose."""

    max_attempts: int = 5
    max_lost: int = 3
    backoff: Backoff = Backoff()
    non_retryable: tuple[str, ...] = ()

    @property
    def max_deliveries(self) -> int:
        """Most grants of one run, whatever ended them (G4)."""
        return self.max_attempts + self.max_lost + MAX_INTERRUPTIONS + SPARE_DELIVERIES


class BackoffChoice(Record, frozen=True, kw_only=True):
    """What a job or queue says of its back-off. None leaves a field to the next who may choose."""

    initial_seconds: int | None = None
    multiplier: int | None = None
    max_seconds: int | None = None
    jitter_percent: int | None = None


class RetryChoice(Record, frozen=True, kw_only=True):
    """What a job or queue says of its `RetryPolicy`: each field is the job's choice, else its queue's, else the
    product's. An empty `non_retryable` is a choice."""

    max_attempts: int | None = None
    max_lost: int | None = None
    backoff: BackoffChoice | None = None
    non_retryable: tuple[str, ...] | None = None


class Owner(Record, frozen=True, kw_only=True):
    """The custom resource that a job belongs to; the operator's scope is `cluster_id`."""

    cluster_id: str
    namespace: str
    name: str
    uid: str


class ErrorInfo(Record, frozen=True, kw_only=True):
    """What a failed attempt said: `type` is the exception's class name, `message` its first kilobytes."""

    type: str
    message: str = ""
    traceback: str | None = None


class AttemptOutcome(StrEnum):
    """How one delivery ended. Which counter each one raises is decided in `taskjob_engine.lifecycle`."""

    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    LOST = "lost"
    INTERRUPTED = "interrupted"
    RELEASED = "released"
    SNOOZED = "snoozed"
    CANCELLED = "cancelled"


class Attempt(Record, frozen=True, kw_only=True):
    """One ended or current delivery. `number` counts deliveries within `run` from 1.

    `outcome` is None while the lease is held.
    """

    run: int
    number: int
    worker: str
    leased_at: Micros
    started_at: Micros | None = None
    finished_at: Micros | None = None
    outcome: AttemptOutcome | None = None
    error: ErrorInfo | None = None


class Job(Record, frozen=True, kw_only=True):
    """A snapshot of one job. `revision` grows with each change within (incarnation, run).

    `payload`, `result` and `checkpoint` are raw JSON. `result_ref` stands instead of `result` where
    the result was too large for the store.
    """

    id: str
    namespace: str
    queue: str
    task: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    name: str | None = None
    labels: dict[str, str] = {}
    priority: int = 0
    retry: RetryPolicy = RetryPolicy()
    timeout_seconds: int = 3600
    active_deadline_seconds: int | None = None
    idempotency_key: str | None = None
    concurrency_key: str | None = None
    suspend: bool = False
    ttl_seconds_after_finished: int = 86_400
    ttl_seconds_after_failed: int = 1_209_600
    owner: Owner | None = None

    phase: Phase
    reason: Reason
    message: str = ""
    run: int = 0
    revision: int = 0
    attempts: int = 0
    lost: int = 0
    interruptions: int = 0
    deliveries: int = 0
    suspect: bool = False
    worker: str | None = None
    progress: str | None = None
    checkpoint: msgspec.Raw | None = None
    result: msgspec.Raw | None = None
    result_ref: str | None = None
    last_error: ErrorInfo | None = None

    created_at: Micros
    start_after: Micros | None = None
    deadline_at: Micros | None = None
    due_at: Micros | None = None
    ready_at: Micros | None = None
    leased_at: Micros | None = None
    started_at: Micros | None = None
    finished_at: Micros | None = None
    expires_at: Micros | None = None
    cancel_requested_at: Micros | None = None
