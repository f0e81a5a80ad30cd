"""problem+json (RFC 9457) to the error class of its `code`. Pure.

A `code` this client does not know falls back to the error of its HTTP status, so that an old client still tells
a newer server's conflict from its own bad input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from taskjob import errors
from taskjob.errors import TaskJobError


def _all(root: type[TaskJobError]) -> Iterator[type[TaskJobError]]:
    yield root
    for child in root.__subclasses__():
        yield from _all(child)


_BY_CODE = {kind.code: kind for kind in _all(TaskJobError) if kind.__module__ == errors.__name__}
_BY_STATUS: dict[int, type[TaskJobError]] = {
    400: errors.InvalidError,
    401: errors.UnauthenticatedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    405: errors.InvalidError,
    409: errors.ConflictError,
    413: errors.TooLargeError,
    415: errors.UnsupportedMediaTypeError,
    422: errors.InvalidError,
    429: errors.OverloadedError,
    502: errors.OutcomeUnknownError,
    503: errors.UnavailableError,
    504: errors.OutcomeUnknownError,
}


def error_class(code: str | None, status: int) -> type[TaskJobError]:
    """The class of `code`; of the status where the code is unknown or absent."""
    return _BY_CODE.get(code or "") or _BY_STATUS.get(status, TaskJobError)


def read_problem(status: int, headers: Mapping[str, str], body: bytes) -> TaskJobError:
    """The error that an answer of 400 or above tells; also of an answer that a proxy in between wrote."""
    try:
        problem: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": f"the server answered HTTP {status} without saying why"}
    return error_class(problem.get("code"), status)(
        str(problem.get("detail") or problem.get("title") or ""),
        field=problem.get("field"),
        hint=problem.get("hint"),
        reason=problem.get("reason"),
        retry_after_seconds=_retry_after(headers, problem),
    )


def _retry_after(headers: Mapping[str, str], problem: dict[str, Any]) -> float | None:
    told = headers.get("retry-after") or problem.get("retryAfterSeconds")
    try:
        return None if told is None else max(0.0, float(told))
    except (TypeError, ValueError):
        return None
