"""The wire's words for what went wrong on this side."""

from __future__ import annotations

import logging

from taskjob.errors import (
    ForbiddenError,
    OutcomeUnknownError,
    TaskJobError,
    UnauthenticatedError,
    UnavailableError,
)
from taskjob.wire.message_limits import RefusedError
from taskjob.wire.messages import Failure

log = logging.getLogger(__name__)


def failure_of(error: Exception) -> Failure:
    """The wire's word for an error of the engine or of authentication."""
    if isinstance(error, RefusedError):
        return error.failure
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        return Failure(code=error.code, detail=error.detail)
    if isinstance(error, UnavailableError | OutcomeUnknownError):
        return Failure(code="Unavailable", detail=error.detail)
    log.error("an exchange failed", exc_info=error)
    detail = error.detail if isinstance(error, TaskJobError) else "internal error; see the server's log"
    return Failure(code="Unavailable", detail=detail)
