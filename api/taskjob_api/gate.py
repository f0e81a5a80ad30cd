"""The outermost ASGI application: request ids, Host and Origin, who calls, and every error as a problem.

It decides nothing about jobs. The hot submit routes, the worker exchange and the operator's calls leave here for their
raw handlers, the rest for FastAPI, with the caller in `scope["state"]`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
from collections.abc import Callable
from typing import cast

from taskjob.errors import ForbiddenError, OutcomeUnknownError, TaskJobError, UnavailableError
from taskjob_api.auth import Door, OpenDoor, authenticate
from taskjob_api.http import AsgiApp, ClientGoneError, Message, Receive, Scope, Send, header, send_problem
from taskjob_api.operator_door import PREFIX
from taskjob_api.settings import MAX_WAIT_SECONDS, ApiSettings, is_loopback
from taskjob_api.submit_route import SubmitRoutes

log = logging.getLogger(__name__)

PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
FAULT_DETAIL = "see the server's log under this request id"
WORKER_PATH = "/worker/v1/exchange"

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}\Z")


class Gate:
    def __init__(
        self,
        *,
        rest: AsgiApp,
        submit: SubmitRoutes,
        worker: AsgiApp | None,
        operator: AsgiApp,
        door: Door,
        settings: ApiSettings,
    ) -> None:
        self._rest = rest
        self._submit = submit
        self._worker = worker
        self._operator = operator
        self._door = door
        self._open = isinstance(door, OpenDoor)
        self._hosts = frozenset({*settings.allowed_hosts, settings.host, "localhost"})
        self._origins = frozenset(origin.encode() for origin in settings.allowed_origins)
        self._longest_seconds = settings.request_seconds + MAX_WAIT_SECONDS
        self._last_host: bytes | None = None
        """The one that was allowed last."""
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._rest(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self._request_id(scope)
        answer = _Answer(send, request_id)
        try:
            await self._route(scope, receive, answer, request_id)
        except ClientGoneError:
            return
        except TaskJobError as error:
            if answer.begun:
                raise
            await send_problem(send, error, request_id)
        except Exception:
            log.exception("request %s failed", request_id.decode())
            if answer.finished:
                return
            if answer.begun:
                raise
            await send_problem(send, TaskJobError(FAULT_DETAIL), request_id)

    async def _route(self, scope: Scope, receive: Receive, answer: _Answer, request_id: bytes) -> None:
        path: str = scope["path"]
        if self._open:
            self._check_host(scope)
            self._check_origin(scope)
        if path == WORKER_PATH and self._worker is not None:
            await self._worker(scope, receive, answer)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        if path not in PUBLIC_PATHS:
            state["caller"] = await authenticate(self._door, scope)
        if scope["method"] == "POST" and (hot := self._submit.match(path)) is not None:
            await hot(scope, receive, answer)
            return
        await self._bounded(self._operator if path.startswith(PREFIX) else self._rest, scope, receive, answer)

    async def _bounded(self, app: AsgiApp, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """An answer must begin within the longest wait; a stream may then go on."""
        try:
            async with asyncio.timeout(self._longest_seconds) as deadline:
                answer.on_begin = lambda: deadline.reschedule(None)
                await app(scope, receive, answer)
        except TimeoutError:
            kind = UnavailableError if scope["method"] in {"GET", "HEAD"} else OutcomeUnknownError
            raise kind("the server did not finish in time") from None

    def _check_host(self, scope: Scope) -> None:
        """Against DNS rebinding: a web page's own name must not reach an open server."""
        given = header(scope, b"host") or b""
        if given == self._last_host:
            return
        host = given.decode("latin-1")
        name = re.sub(r":\d+\Z", "", host)
        if name not in self._hosts and not is_loopback(name):
            raise ForbiddenError(
                f"the Host {host!r} is not this server's",
                field="Host",
                hint="use http://127.0.0.1, or name it in TASKJOB_ALLOWED_HOSTS",
                reason="HostNotAllowed",
            )
        self._last_host = given

    def _check_origin(self, scope: Scope) -> None:
        """Against web pages: a browser tells its page's origin, which must be this server itself or allowed."""
        origin = header(scope, b"origin")
        if origin is None or origin in self._origins:
            return
        if origin.partition(b"://")[2] != header(scope, b"host"):
            raise ForbiddenError(
                f"a page of {origin.decode('latin-1')!r} may not call this server",
                field="Origin",
                hint="name it in TASKJOB_ALLOWED_ORIGINS",
                reason="OriginNotAllowed",
            )

    def _request_id(self, scope: Scope) -> bytes:
        given = header(scope, b"x-request-id")
        if given is not None and _REQUEST_ID.match(given):
            return given
        return f"{self._prefix}-{next(self._numbers)}".encode()


class _Answer:
    """A `send` that knows whether the answer has begun, and names the request in it."""

    def __init__(self, send: Send, request_id: bytes) -> None:
        self._send = send
        self._request_id = request_id
        self.begun = self.finished = False
        self.on_begin: Callable[[], None] = _nothing

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self.on_begin()
            headers = cast("list[tuple[bytes, bytes]]", list(message.get("headers", ())))
            named = (b"x-request-id", self._request_id)
            if named not in headers and not any(name == b"x-request-id" for name, _ in headers):
                message = {**message, "headers": [*headers, named]}
        self.finished = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)


def _nothing() -> None:
    """What an answer without a deadline does when it begins."""
