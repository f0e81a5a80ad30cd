"""The TCP carrier: listens, counts connections, and closes those that are late, idle, stuck or no longer trusted."""

from __future__ import annotations

import asyncio
import contextlib
import random

from taskjob_api.gateway.connection import Connection
from taskjob_api.gateway.service import WorkerGateway
from taskjob_api.gateway.settings import GatewaySettings

PATROL_SECONDS = 0.5


class TcpGateway:
    """`start`, then `stop`; both once. Belongs to one event loop."""

    def __init__(self, service: WorkerGateway, settings: GatewaySettings) -> None:
        self.service = service
        self.settings = settings
        self._connections: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._patrol: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen; returns the port. Raises `OSError` where it is taken."""
        loop = asyncio.get_running_loop()
        settings = self.settings
        self._listener = await loop.create_server(
            lambda: Connection(self),
            settings.host,
            settings.port,
            ssl=settings.ssl,
            ssl_handshake_timeout=settings.hello_seconds if settings.ssl else None,
            backlog=1024,
        )
        self._patrol = loop.create_task(self._watch())
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Tell every worker to go elsewhere, finish what is under way, close. No lease lapses by it: sessions are
        resumed on the next process."""
        self.service.stopping = True
        if self._listener is not None:
            self._listener.close()
        if self._patrol is not None:
            self._patrol.cancel()
        for connection in list(self._connections):
            # Spread, so that the next process does not meet all of them at once.
            connection.goaway("Stopping", random.uniform(0.0, 1.0))  # noqa: S311 - jitter, no secret
        if self._connections:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), self.settings.stop_seconds)
        for connection in list(self._connections):
            connection.abort()

    # ---- connections

    @property
    def connections(self) -> int:
        return len(self._connections)

    def joined(self, connection: Connection) -> None:
        self._connections.add(connection)
        if len(self._connections) > self.settings.max_connections:
            connection.goaway("Busy", 5.0)
            return
        self._strangers[connection] = None
        if len(self._strangers) > self.settings.max_strangers:
            # An honest worker proves itself at once; who has waited longest gives way.
            next(iter(self._strangers)).abort()

    def known(self, connection: Connection) -> None:
        self._strangers.pop(connection, None)

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._strangers.pop(connection, None)
        if not self._connections:
            self._empty.set()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PATROL_SECONDS)
            now = loop.time()
            for connection in list(self._connections):
                self._look_at(connection, now)

    def _look_at(self, connection: Connection, now: float) -> None:
        settings = self.settings
        if connection.stranger and now - connection.opened_at > settings.hello_seconds:
            connection.abort()
        elif connection.stalled_at is not None and now - connection.stalled_at > settings.stall_seconds:
            connection.goaway("SlowReader", 1.0)
            connection.abort()
        elif now - connection.heard_at > settings.idle_seconds:
            connection.goaway("Idle", 0.0)
        else:
            connection.review(now)
