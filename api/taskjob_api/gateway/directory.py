"""Finds what a session serves when this process has not met it: a resume or an HTTP call after a restart, or on
another replica. Reads the store's list of workers, once for all who ask together."""

from __future__ import annotations

import asyncio

from taskjob.model import WorkerInfo
from taskjob_engine.engine import Engine


class SessionDirectory:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading: asyncio.Task[dict[str, WorkerInfo]] | None = None

    async def find(self, session: str) -> WorkerInfo | None:
        """The session's row, None for an unknown or closed one. Raises `UnavailableError`."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())
        found = (await asyncio.shield(self._reading)).get(session)
        return None if found is None or found.closed else found

    async def _read(self) -> dict[str, WorkerInfo]:
        return {worker.session: worker for worker in await self._engine.workers(None)}
