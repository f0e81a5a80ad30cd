"""Errors as RFC 9457 problem documents: the mirror of `taskjob.errors` at the HTTP door.

An error that is not ours becomes a bare 500 with the request id: its text stays in the log.
"""

from __future__ import annotations

import math

import msgspec

from taskjob.errors import InvalidError, TaskJobError
from taskjob.spec import InvalidDocumentError

PROBLEM_JSON = b"application/problem+json"
TYPE_PREFIX = "https://taskjob.dev/errors/"


class MethodNotAllowedError(InvalidError):
    """The path exists, the method does not; the Allow header names those that do."""

    code = "MethodNotAllowed"
    status = 405
    title = "Another method, please"
    allowed: str | None = None
    """The Allow header, where whoever raises it knows."""


class Violation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several problems of one document. `field` is an RFC 6901 pointer into what the caller sent."""

    detail: str
    field: str | None = None
    hint: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """RFC 9457. `code` is stable and for machines; `detail` and `hint` are for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None
    hint: str | None = None
    reason: str | None = None
    retry_after_seconds: float | None = None
    request_id: str
    errors: tuple[Violation, ...] = ()


def problem_of(error: TaskJobError, request_id: str) -> Problem:
    several = error.errors if isinstance(error, InvalidDocumentError) and len(error.errors) > 1 else ()
    return Problem(
        type=TYPE_PREFIX + error.code,
        title=error.title,
        status=error.status,
        code=error.code,
        detail=error.detail,
        field=error.field,
        hint=error.hint,
        reason=error.reason,
        retry_after_seconds=error.retry_after_seconds,
        request_id=request_id,
        errors=tuple(Violation(detail=one.detail, field=one.field, hint=one.hint) for one in several),
    )


def problem_headers(error: TaskJobError) -> list[tuple[bytes, bytes]]:
    """Retry-After (whole seconds, at least 1) and the challenge that 401 owes."""
    headers = [(b"content-type", PROBLEM_JSON)]
    if error.retry_after_seconds is not None or error.status in {429, 503}:
        headers.append((b"retry-after", b"%d" % max(1, math.ceil(error.retry_after_seconds or 1))))
    if isinstance(error, MethodNotAllowedError) and error.allowed is not None:
        headers.append((b"allow", error.allowed.encode()))
    if error.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="taskjob"'))
    return headers


def encode_problem(error: TaskJobError, request_id: str) -> bytes:
    return msgspec.json.encode(problem_of(error, request_id))
