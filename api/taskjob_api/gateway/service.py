"""What both carriers share: sessions kept, drained and ended, against the engine.

Which message may come when is `GatewaySession`'s business; how bytes come and go is the carrier's. Here an intent
becomes calls of the engine, and their outcome an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from taskjob.wire.messages import Renew, Submit, Submitted, Update
from taskjob_api.gateway.admission import Admission
from taskjob_api.gateway.authentication import Authenticator, DocumentReader, Principal
from taskjob_api.gateway.cancels import CancelPushes
from taskjob_api.gateway.departures import Departures
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.gateway.exchange import Exchanges, standing
from taskjob_api.gateway.live import LiveSession, LiveSessions
from taskjob_api.gateway.liveness import ProcessWatch
from taskjob_api.gateway.parking import Parking
from taskjob_api.gateway.submits import submit_jobs
from taskjob_engine.engine import Engine
from taskjob_engine.store import Renewal, SessionEnd, SessionRef


class WorkerGateway:
    """Belongs to one event loop. Hand it to the carriers; stop them first, then it."""

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        documents: DocumentReader,
        *,
        clock: Callable[[], float] | None = None,
        processes: ProcessWatch | None = None,
        doomed: Doomed | None = None,
    ) -> None:
        self.clock = clock or asyncio.get_running_loop().time
        self.sessions = LiveSessions()
        self.exchanges = Exchanges(engine, self.clock)
        self.parking = Parking(engine.dispatcher, self.sessions)
        self.stopping = False
        self._engine = engine
        self._documents = documents
        self._cancels = CancelPushes(engine, self.exchanges, self.sessions, self.clock)
        self.admission = Admission(
            engine,
            authenticator,
            self.sessions,
            self.parking,
            self.clock,
            ttl_seconds=self.exchanges.ttl_seconds,
            on_admitted=lambda live: self._cancels.listen(live.namespace),
        )
        doomed = doomed or Doomed(self.clock)
        doomed.connected = lambda principal: self.sessions.of(principal) > 0
        self._departures = Departures(engine, self.sessions, processes or ProcessWatch(), doomed)

    async def stop(self) -> None:
        """Let go of every session: they live on in the store, and are resumed on the next process."""
        self.stopping = True
        await self._cancels.stop()
        await self._departures.stop()

    async def drain(self, live: LiveSession) -> None:
        """Let people see that the session takes no more work. Raises `UnavailableError`, `OutcomeUnknownError`."""
        self.parking.withdraw(live)
        renewal = Renewal(ref=live.ref, ttl_seconds=self.exchanges.ttl_seconds, draining=True)
        await self._engine.renew(renewal)

    async def submit(self, live: LiveSession, message: Submit, principal: Principal) -> Submitted:
        return await submit_jobs(self._engine, self._documents, message, namespace=live.namespace, principal=principal)

    async def keep_alive(self, message: Renew, principal: Principal) -> Update:
        """Renew from beside the worker, or learn there that it is dead."""
        ref = SessionRef(session=message.session, epoch=message.epoch, principal=principal.name)
        if message.dead:
            await self._engine.close_session(SessionEnd(ref=ref, within_seconds=0.0))
            return Update(renewed=False, witness=standing(self._engine))
        renewed = await self._engine.renew(Renewal(ref=ref, ttl_seconds=self.exchanges.ttl_seconds))
        return Update(renewed=renewed.renewed, witness=standing(self._engine))

    async def leave(self, live: LiveSession) -> None:
        """The worker says bye: what it still holds goes back uncharged."""
        self.parking.unpark(live)
        await self._engine.close_session(SessionEnd(ref=live.ref, release=True))
        self.sessions.remove(live)

    def disconnected(self, live: LiveSession) -> None:
        """The session's connection is gone. Nothing happens where a newer one took over, or this process stops."""
        self.parking.unpark(live)
        if not self.stopping and self.sessions.is_current(live):
            self.sessions.remove(live)
            self._departures.begin(live)
