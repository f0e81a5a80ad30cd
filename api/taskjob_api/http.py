"""The few ASGI moves that the raw routes and the gate share: reading a bounded body, sending an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from taskjob.errors import InvalidError, TaskJobError, TooLargeError, UnsupportedMediaTypeError
from taskjob_api.problems import encode_problem, problem_headers
from taskjob_api.time_limit import TimeLimit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON = b"application/json"
MAX_BODY_BYTES = 256 * 1024
"""A body that carries one document: a payload at its limit, escaped, and the rest of its fields."""


class ClientGoneError(Exception):
    """The peer closed the connection before its request was whole; nobody is left to answer."""


_HEADERS = "taskjob.headers"


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of a name in lower case. The list is read once a request: a dozen headers are asked for."""
    found: dict[bytes, bytes] | None = scope.get(_HEADERS)
    if found is None:
        found = scope[_HEADERS] = dict(reversed(scope["headers"]))
    return found.get(name)


def require_json(scope: Scope) -> None:
    """Raise `UnsupportedMediaTypeError` unless the body is declared to be JSON in UTF-8."""
    declared = (header(scope, b"content-type") or b"").lower()
    if declared == JSON:
        return
    kind, _, parameters = declared.partition(b";")
    if kind.strip() == JSON and parameters.strip().replace(b'"', b"") in {b"", b"charset=utf-8"}:
        return
    raise UnsupportedMediaTypeError(
        f"the body is declared as {declared.decode('latin-1') or 'nothing'}",
        hint="send the header Content-Type: application/json",
    )


async def read_body(scope: Scope, receive: Receive, *, limit: int, seconds: float) -> bytes:
    """As `read_body_within`, with a timer of its own."""
    try:
        async with asyncio.timeout(seconds):
            return await _whole_body(scope, receive, limit)
    except TimeoutError:
        raise BodyTimeoutError(f"the body did not arrive within {seconds:g} s") from None


async def read_body_within(time: TimeLimit, scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """The whole body. Raises `TooLargeError` as soon as it is known to be above `limit`, `InvalidError` where the
    peer takes longer than the time limit."""
    try:
        with time.call():
            return await _whole_body(scope, receive, limit)
    except TimeoutError:
        raise BodyTimeoutError(f"the body did not arrive within {time.seconds:g} s") from None


async def _whole_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    _check_declared_length(scope, limit)
    message = await _next(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return _checked(body, limit)
    chunks, size = [body], len(body)
    while message.get("more_body", False):
        message = await _next(receive)
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise too_large(limit)
    return b"".join(chunks)


async def send_json(
    send: Send, status: int, body: bytes, request_id: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", JSON),
                (b"content-length", b"%d" % len(body)),
                (b"x-request-id", request_id),
                *(headers or ()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, error: TaskJobError, request_id: bytes) -> None:
    body = encode_problem(error, request_id.decode("latin-1"))
    headers = [*problem_headers(error), (b"content-length", b"%d" % len(body)), (b"x-request-id", request_id)]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class BodyTimeoutError(InvalidError):
    """The peer was too slow to send its request."""

    code = "RequestTimeout"
    status = 408
    title = "The request did not arrive in time"


def too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body is larger than {limit} bytes", hint="send less, or several requests")


def _check_declared_length(scope: Scope, limit: int) -> None:
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise too_large(limit)


def _checked(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise too_large(limit)
    return body


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message
