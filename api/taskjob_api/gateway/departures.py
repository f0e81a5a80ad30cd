"""What a broken connection means for the session's leases (G5).

The session's expiry is shortened, so that its jobs run again soon unless the worker comes back; where the worker's
process is certainly gone, it ends at once. A worker that resumes is under a newer epoch, which none of this touches.
"""

from __future__ import annotations

import asyncio
import logging

from taskjob.errors import TaskJobError
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.gateway.live import LiveSession, LiveSessions
from taskjob_api.gateway.liveness import ProcessWatch
from taskjob_engine.engine import Engine
from taskjob_engine.store import PrincipalEnd, SessionEnd

log = logging.getLogger(__name__)

RECHECK_SECONDS = 0.05
"""A process that is dying when its connection breaks is looked at again after this."""


class Departures:
    def __init__(self, engine: Engine, sessions: LiveSessions, processes: ProcessWatch, doomed: Doomed) -> None:
        self._engine = engine
        self._doomed = doomed
        self._sessions = sessions
        self._processes = processes
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, live: LiveSession) -> None:
        departure = asyncio.get_running_loop().create_task(self._depart(live))
        self._under_way.add(departure)
        departure.add_done_callback(self._under_way.discard)

    async def stop(self) -> None:
        """What is not told to the store by now is left to the session's own expiry."""
        departures = list(self._under_way)
        for departure in departures:
            departure.cancel()
        await asyncio.gather(*departures, return_exceptions=True)

    async def _depart(self, live: LiveSession) -> None:
        if (foretold := self._doomed.of(live.ref.principal)) is not None:
            await self._end(foretold)
            return
        within = self._engine.settings.reconnect_seconds
        gone = self._processes.certainly_gone(live.process)
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        if not await self._close(live, 0.0 if gone else within) or gone:
            return
        while live.process is not None and loop.time() < until:
            if self._sessions.get(live.ref.session) is not None:  # no fence: the old epoch could end nothing
                return
            await asyncio.sleep(RECHECK_SECONDS)
            if self._processes.certainly_gone(live.process):
                await self._close(live, 0.0)
                return

    async def _end(self, foretold: PrincipalEnd) -> None:
        try:
            await self._engine.end_principals([foretold])
        except TaskJobError as error:
            log.warning("a worker's end could not be told to the store: %s", error.detail)

    async def _close(self, live: LiveSession, within: float) -> bool:
        try:
            return await self._engine.close_session(SessionEnd(ref=live.ref, within_seconds=within))
        except TaskJobError as error:
            log.warning("a session's end could not be told to the store: %s", error.detail)
            return False
