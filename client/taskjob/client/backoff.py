"""When a call is sent again. Pure: the senders sleep, this file decides.

Every call has the same effect once or twice, so an outcome that is unknown (a cut connection, a proxy's time-out)
is repeated as well.
"""

from __future__ import annotations

from taskjob.errors import OutcomeUnknownError, QuotaExceededError, TaskJobError

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0


def should_repeat(error: TaskJobError, *, tries: int, retries: int) -> bool:
    """`tries` counts the sends so far. A quota is not waited for: only finished or purged jobs make room."""
    if tries > retries or isinstance(error, QuotaExceededError):
        return False
    return error.retryable or isinstance(error, OutcomeUnknownError)


def pause_seconds(error: TaskJobError, *, tries: int, jitter: float) -> float:
    """What the server asked for, else exponential; both with up to half as much again by `jitter` in [0, 1)."""
    asked = error.retry_after_seconds
    seconds = min(FIRST_SECONDS * 2 ** (tries - 1), LONGEST_SECONDS) if asked is None else min(asked, 60.0)
    return seconds * (1 + jitter / 2)
