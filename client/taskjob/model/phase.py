"""What a user sees of a job's state, and why it is not running."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """The public phase; REST and the wire use these values, a CR the same words in PascalCase."""

    SUBMITTED = "submitted"
    QUEUED = "queued"
    ASSIGNED = "assigned"
    RUNNING = "running"
    RETRY_QUEUED = "retry_queued"
    COMPLETED = "completed"
    DEAD_LETTER = "dead_letter"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL

    @property
    def pascal(self) -> str:
        """The same word as a CR's `status.phase`, for example `RetryQueued`."""
        return "".join(part.capitalize() for part in self.value.split("_"))


_TERMINAL = frozenset({Phase.COMPLETED, Phase.DEAD_LETTER, Phase.CANCELLED})


class Reason(StrEnum):
    """Why a job is where it is: stored for waiting and terminal jobs, computed for the rest."""

    # waiting
    DELAYED = "Delayed"
    BACKOFF = "Backoff"
    SNOOZED = "Snoozed"
    SUSPENDED = "Suspended"
    LIMITED = "Limited"
    BLOCKED = "Blocked"
    # ready, told by explain
    QUEUED = "Queued"
    QUEUE_PAUSED = "QueuePaused"
    QUEUE_LIMIT = "QueueLimit"
    RATE_LIMIT = "RateLimit"
    NO_WORKER_FOR_TASK = "NoWorkerForTask"
    QUEUE_NOT_FOUND = "QueueNotFound"
    QUEUE_DELETED = "QueueDeleted"
    HOLD_OFF = "HoldOff"
    # leased
    ASSIGNED = "Assigned"
    RUNNING = "Running"
    CANCELLING = "Cancelling"
    # terminal
    COMPLETED = "Completed"
    CANCEL_REQUESTED = "CancelRequested"
    CANCELLED_BY_TASK = "CancelledByTask"
    DEPENDENCY_FAILED = "DependencyFailed"
    ATTEMPTS_EXHAUSTED = "AttemptsExhausted"
    NON_RETRYABLE = "NonRetryable"
    LOST_EXHAUSTED = "LostExhausted"
    INTERRUPTIONS_EXHAUSTED = "InterruptionsExhausted"
    DELIVERIES_EXHAUSTED = "DeliveriesExhausted"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
