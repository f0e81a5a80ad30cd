"""The six stored states, the record they live on, and the public phase as a pure function of it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from taskjob.model import ErrorInfo, Micros, Phase, Reason, RetryPolicy


class State(StrEnum):
    """`waiting` has a reason; `ready` is in the index; `leased` has a lease; the rest are terminal kinds."""

    WAITING = "waiting"
    READY = "ready"
    LEASED = "leased"
    COMPLETED = "completed"
    DEAD_LETTER = "dead_letter"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({State.COMPLETED, State.DEAD_LETTER, State.CANCELLED})
LIVE = frozenset({State.WAITING, State.READY, State.LEASED})

SUSPECT_AFTER = 2
"""A job present at this many worker deaths runs alone in its own process (DESIGN §4, Poison)."""


class JobState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What transitions read and change. Immutable parts of the submission first, then the moving ones.

    `due_at` is when a waiting job becomes eligible; `rank` orders ready jobs (lower first);
    `timeout_at` ends an attempt, started or not; `expires_at` is when a terminal job may be pruned.
    `lease_id`, `session`, `leased_at` stand exactly while `state` is LEASED.
    """

    id: str
    namespace: str
    queue: str
    task: str
    retry: RetryPolicy
    timeout_seconds: int
    priority: int
    concurrency_key: str | None
    suspend: bool
    ttl_seconds_after_finished: int
    ttl_seconds_after_failed: int
    created_at: Micros
    start_after: Micros | None
    active_deadline_seconds: int | None
    deadline_at: Micros | None

    state: State = State.WAITING
    reason: Reason = Reason.DELAYED
    run: int = 0
    revision: int = 1
    attempts: int = 0
    lost: int = 0
    interruptions: int = 0
    deliveries: int = 0
    due_at: Micros | None = None
    ready_at: Micros | None = None
    rank: int = 0
    lease_id: str | None = None
    session: str | None = None
    worker: str | None = None
    leased_at: Micros | None = None
    started_at: Micros | None = None
    timeout_at: Micros | None = None
    finished_at: Micros | None = None
    expires_at: Micros | None = None
    cancel_requested_at: Micros | None = None
    last_error: ErrorInfo | None = None

    @property
    def suspect(self) -> bool:
        return self.lost >= SUSPECT_AFTER


def phase_of(state: State, reason: Reason, started_at: Micros | None) -> Phase:
    """The public phase. The only place that knows it."""
    if state is State.WAITING:
        return Phase.RETRY_QUEUED if reason is Reason.BACKOFF else Phase.SUBMITTED
    if state is State.READY:
        return Phase.QUEUED
    if state is State.LEASED:
        return Phase.RUNNING if started_at is not None else Phase.ASSIGNED
    return Phase(state.value)
