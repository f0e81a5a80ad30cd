"""uvicorn as a part among parts: it listens on a socket given to it, leaves signals alone, and trusts no peer's pace.

uvicorn itself waits for ever for a request's head, and for the rest of a body whose request is answered; here a
connection that does not finish either in time, or whose head is too large, is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from taskjob.errors import InvalidError
from taskjob_api.http import AsgiApp
from taskjob_api.settings import ApiSettings

HEAD_SECONDS = 10.0
UNREAD_BODY_SECONDS = 10.0
"""For the rest of a body whose request was answered before it was whole; the answer may still be on its way."""
KEEP_ALIVE_SECONDS = 75
MAX_HEAD_BYTES = 64 * 1024
MAX_CONNECTIONS = 8192


class HeadTooLargeError(Exception):
    """Raised inside the parser, which turns it into a 400 and closes the connection."""


class JoinedWrites:
    """A transport that writes what it is given in one turn of the loop at once: uvicorn writes the head and the body
    of an answer one by one, and a small packet each is half of what an answer costs."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


class BoundedProtocol(HttpToolsProtocol):
    """One HTTP/1.1 connection that never waits without an end for its peer: a timer runs when no call is under way."""

    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = False
    """A head has begun; most come whole in one read and need no timer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        if len(self.connections) > MAX_CONNECTIONS:
            transport.close()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        self._body_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._head_timer is None and not self.transport.is_closing():
            self._await_head()
        self._keep_a_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_arrived()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._body_arrived()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            self._unread_timer = self.loop.call_later(UNREAD_BODY_SECONDS, self.transport.abort)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _body_arrived(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _keep_a_timer(self) -> None:
        """The keep-alive timer of uvicorn is dropped at any byte, also at one that begins no request."""
        timers = (self._head_timer, self._unread_timer, self.timeout_keep_alive_task)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        idle = cycle is not None and cycle.response_complete and not self.transport.is_closing()
        if idle and not any(timers):
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


class RestServer(uvicorn.Server):
    """`start` returns when it listens; `stop` when every call under way is answered, or the drain time is over."""

    def __init__(self, app: AsgiApp, settings: ApiSettings) -> None:
        config = uvicorn.Config(
            cast("Any", app),
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        super().__init__(config)
        self._socket = _listen(settings.host, settings.port)
        self._running: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        self._running = asyncio.create_task(self.serve(sockets=[self._socket]), name="rest")
        listening = asyncio.ensure_future(self._listening.wait())
        await asyncio.wait({self._running, listening}, return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._running.done():
            await self._running

    async def stop(self) -> None:
        self.should_exit = True
        if self._running is not None:
            await self._running
        self.close()

    def close(self) -> None:
        """Let the port go; safe to call twice, or without a start."""
        self._socket.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, which stops its parts in order."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        raise InvalidError(
            f"cannot listen on {host}:{port}: {error.strerror}", field="TASKJOB_PORT", hint="choose another port"
        ) from error
    return listener
