"""TCP: one JSON object a line, both ways at once. The server pushes jobs as soon as they exist."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from taskjob.wire.codec import BadFrameError, decode_to_worker, encode_line
from taskjob.wire.messages import MAX_FRAME_BYTES, Failure, Submitted, SubmitVerdict
from taskjob_worker.carriers import CONNECT_SECONDS, START_DELAY_SECONDS, Calls, Hub, tls_context
from taskjob_worker.settings import WorkerSettings, port_of, target

MAX_IN_FLIGHT = 2
"""While so many exchanges are unanswered the next one collects: settles that trickle in one by one share a flush
of the server."""


class TcpCarrier:
    def __init__(self, hub: Hub, settings: WorkerSettings) -> None:
        self._hub = hub
        self._to = target(settings.gateway)
        self._ca_file = settings.ca_file
        self._calls = Calls()
        self._lines: _Lines | None = None
        self._scheduled = False
        self._collecting = False
        """Something waits to be said until an exchange is answered."""
        self._held_back: list[Callable[[], None]] = []

    async def run(self, token: str | None) -> None:
        loop = asyncio.get_running_loop()
        session = self._hub.session
        async with asyncio.timeout(CONNECT_SECONDS):
            _, lines = await loop.create_connection(
                lambda: _Lines(self._on_line, self.flush),
                str(self._to.hostname),
                port_of(self._to),
                ssl=tls_context(self._ca_file) if self._to.scheme == "tls" else None,
            )
        try:
            lines.write(encode_line(session.hello(time.monotonic(), token)))
            async with asyncio.timeout(CONNECT_SECONDS):
                await lines.first
            self._lines = lines
            if session.draining:
                self.drain()
            self._go_on()
            self.flush()
            await lines.lost
        finally:
            self._lines = None
            lines.abort()
            self._calls.fail()

    def flush(self) -> None:
        """Once in a turn of the loop, however often it is asked for."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def announce(self, then: Callable[[], None]) -> None:
        """Written to the socket is enough: the kernel delivers it even if this process dies in the next instant."""
        if self._lines is None:
            self._held_back.append(then)
            return
        self._write_exchange(time.monotonic(), start_delay=0.0)
        then()

    def drain(self) -> None:
        message = self._hub.session.drain()
        if self._lines is not None:
            self._lines.write(encode_line(message))

    async def submit(self, documents: Sequence[dict[str, Any]]) -> tuple[SubmitVerdict, ...]:
        call = self._calls.open(documents, self._hub.session, bound=True)
        if self._lines is None:
            self._calls.fail()
        else:
            self._lines.write(encode_line(call))
        return await self._calls.result(call)

    def cut(self, reason: str) -> None:
        if self._lines is not None:
            self._lines.fail(ConnectionError(reason))

    async def close(self) -> None:
        lines = self._lines
        if lines is not None:
            lines.write(encode_line(self._hub.session.bye()))
            lines.close()
            await asyncio.wait([lines.lost], timeout=2.0)

    def _flush(self) -> None:
        self._scheduled = False
        lines = self._lines
        if lines is None or lines.paused:
            return
        session = self._hub.session
        if session.in_flight >= MAX_IN_FLIGHT:
            self._collecting = True
            return
        self._collecting = False
        now = time.monotonic()
        wanted = self._hub.capacity() - session.owed
        if session.must_speak(now - START_DELAY_SECONDS) or wanted > 0 or now >= session.heartbeat_at():
            self._write_exchange(now, start_delay=START_DELAY_SECONDS)
            if session.must_speak(now - START_DELAY_SECONDS):
                self.flush()

    def _write_exchange(self, now: float, *, start_delay: float) -> None:
        assert self._lines is not None
        session = self._hub.session
        exchange = session.exchange(now, capacity=self._hub.capacity(), start_delay_seconds=start_delay)
        self._lines.write(encode_line(exchange))

    def _go_on(self) -> None:
        held_back, self._held_back = self._held_back, []
        for then in held_back:
            self.announce(then)

    def _on_line(self, line: bytes | bytearray) -> None:
        message = decode_to_worker(line)
        if isinstance(message, Submitted):
            self._calls.answer(message)
            return
        self._hub.on_events(self._hub.session.handle(message))
        if self._collecting:
            self.flush()
        if isinstance(message, Failure) and message.fatal:
            raise ConnectionError(f"the server refused: {message.code}: {message.detail}")


class _Lines(asyncio.Protocol):
    """Cuts the stream into lines. `first` is done with the first of them, `lost` when the connection is gone."""

    def __init__(self, on_line: Callable[[bytes | bytearray], None], writable: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.paused = False
        self._on_line = on_line
        self._writable = writable
        self._rest = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        rest = self._rest
        rest += data
        if b"\n" not in data:
            if len(rest) > MAX_FRAME_BYTES:
                self.fail(ConnectionError("the server sent a frame over the limit"))
            return
        lines = rest.split(b"\n")
        self._rest = lines.pop()
        try:
            for line in lines:
                self._on_line(line)
        except BadFrameError as error:
            self.fail(ConnectionError(f"the server sent what is no message: {error}"))
        except ConnectionError as error:
            self.fail(error)
        if not self.first.done():
            self.first.set_result(None)

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        for waiter in (self.first, self.lost):
            waiter.cancel()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._writable()

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(error if isinstance(error, OSError) else ConnectionError("the server closed the connection"))

    def fail(self, error: Exception) -> None:
        for waiter in (self.first, self.lost):
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # whoever awaits gets it; nobody has to
        if self._transport is not None:
            self._transport.abort()
