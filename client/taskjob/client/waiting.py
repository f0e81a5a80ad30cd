"""How long to wait, and what a finished job is worth. Pure, but for the monotonic clock."""

from __future__ import annotations

import random
import time

from taskjob.client.backoff import pause_seconds
from taskjob.client.views import JobView
from taskjob.errors import OutcomeUnknownError, TaskJobError
from taskjob.model import Phase

LONGEST_POLL_SECONDS = 30.0
LOG_POLL_SECONDS = 0.5
SHORT_PAUSE_SECONDS = 0.1
"""Between polls that the server answers at once: it stops, or less than a second is left."""


class JobFailedError(TaskJobError):
    """The job ended as dead letter or cancelled; `job` tells how, `reason` why."""

    code = "JobFailed"
    status = 409
    title = "The job did not complete"

    def __init__(self, job: JobView) -> None:
        error = job.last_error
        said = f": {error.type}: {error.message}" if error else ""
        ending = "is a dead letter" if job.phase is Phase.DEAD_LETTER else "was cancelled"
        super().__init__(f"job {job.shown} {ending} ({job.reason}){said}", reason=job.reason)
        self.job = job


def raise_unless_completed(job: JobView) -> None:
    """Raises `JobFailedError` for a job that ended any other way."""
    if job.phase is not Phase.COMPLETED:
        raise JobFailedError(job)


class Patience:
    """The time that one wait still has."""

    def __init__(self, timeout_seconds: float | None) -> None:
        self._timeout = timeout_seconds
        self._end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._errors = 0
        self._asked_at = 0.0

    @property
    def left(self) -> float:
        return LONGEST_POLL_SECONDS if self._end is None else self._end - time.monotonic()

    def next_wait(self) -> float:
        """Seconds for the next long poll; the server counts whole ones."""
        self._asked_at = time.monotonic()
        return max(0.0, min(LONGEST_POLL_SECONDS, self.left))

    def after_unfinished(self, job: JobView) -> float:
        """The pause before asking again: none behind a poll that waited. Raises `TimeoutError` once the time is
        over."""
        self._errors = 0
        if self._end is not None and self.left <= 0:
            raise TimeoutError(f"job {job.shown} is {job.phase} ({job.reason}) after {self._timeout:.3g} s")
        waited = time.monotonic() - self._asked_at
        return 0.0 if waited >= 0.5 else max(0.0, min(SHORT_PAUSE_SECONDS, self.left))

    def after_error(self, error: TaskJobError) -> float:
        """The pause before asking again; raises what waiting does not mend, and when the time is over."""
        self._errors += 1
        if not (error.retryable or isinstance(error, OutcomeUnknownError)) or self.left <= 0:
            raise error
        pause = pause_seconds(error, tries=self._errors, jitter=random.random())  # noqa: S311 - spreads load
        return max(0.0, min(pause, self.left))
