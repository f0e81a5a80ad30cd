"""What the shell sees. Scripts compare these numbers: they never change."""

from __future__ import annotations

from enum import IntEnum

from taskjob import errors
from taskjob.errors import TaskJobError


class ExitCode(IntEnum):
    OK = 0
    JOB_FAILED = 1
    """A job that was waited for ended as dead letter or cancelled; or an error of TaskJob's own."""
    USAGE = 2
    """The command line or a document is not valid."""
    NOT_FOUND = 3
    TIMEOUT = 4
    NOT_ALLOWED = 5
    CONFLICT = 6
    CANNOT_CONNECT = 7
    """No server answered, or it said that it cannot serve now."""
    INTERRUPTED = 130


_CODES: tuple[tuple[type[TaskJobError], ExitCode], ...] = (
    (errors.InvalidError, ExitCode.USAGE),
    (errors.NotFoundError, ExitCode.NOT_FOUND),
    (errors.UnauthenticatedError, ExitCode.NOT_ALLOWED),
    (errors.ForbiddenError, ExitCode.NOT_ALLOWED),
    (errors.QuotaExceededError, ExitCode.NOT_ALLOWED),
    (errors.ConflictError, ExitCode.CONFLICT),
    (errors.UnavailableError, ExitCode.CANNOT_CONNECT),
    (errors.OutcomeUnknownError, ExitCode.CANNOT_CONNECT),
)


def exit_code_of(error: TaskJobError) -> ExitCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.JOB_FAILED)
