"""A wire between workers and gateway that loses what the gateway says and then breaks, as a network does.

What the workers sent before the break has arrived and took effect; they never hear so, and say it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable

from faults import Fault

DEAF_SECONDS = 0.25
"""So long the replies are lost before the connections break."""
PATIENCE_SECONDS = 10.0
"""How long a cut waits for a worker to settle something."""


class Wire:
    """Forwards one port of this machine to another. Belongs to one event loop."""

    def __init__(self, port: int, to: int) -> None:
        self._port = port
        self._to = to
        self._deaf = False
        self._armed = False
        self._cutting = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def torment(self, faults: list[Fault], *, at: Iterable[float]) -> None:
        """Break at each of these seconds from now, or as soon as a worker settles something after it."""
        begun = time.monotonic()
        for seconds in at:
            await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
            fault = Fault(time.time(), "wire", "CUT")
            self._cutting.clear()
            self._armed = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._cutting.wait(), PATIENCE_SECONDS)
            self._armed, self._deaf = False, True
            await asyncio.sleep(DEAF_SECONDS)
            self._break()
            self._deaf = False
            fault.ended_at = time.time()
            faults.append(fault)

    def _break(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._forward(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await self._reach()
            self._open |= {writer, far_writer}
            try:
                await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer, may_lose=True))
            finally:
                self._open -= {writer, far_writer}
                far_writer.transport.abort()
        writer.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The gateway, as soon as it is there: workers wait on the wire, not in their back-off."""
        for _ in range(100):
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", self._to)
            await asyncio.sleep(0.05)
        raise ConnectionRefusedError

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, may_lose: bool = False
    ) -> None:
        """Up to the end of either side, which ends both."""
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                if self._armed and not may_lose and b'"settle"' in data:
                    self._deaf = True
                    self._cutting.set()
                if not (may_lose and self._deaf):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
