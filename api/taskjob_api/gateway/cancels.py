"""Tells workers at once that a job they run is to be stopped. A hint that is lost costs nothing but time: the next
heartbeat tells it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from taskjob.errors import TaskJobError
from taskjob_api.gateway.exchange import Exchanges
from taskjob_api.gateway.live import LiveSession, LiveSessions
from taskjob_engine.engine import Engine

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.02
"""Hints that come within this are looked at together."""

QUIET_SECONDS = 0.5
"""A session is asked about at most this often; its own exchanges tell it just as well."""


class CancelPushes:
    """Listens to changes of jobs in the namespaces of live sessions."""

    def __init__(
        self, engine: Engine, exchanges: Exchanges, sessions: LiveSessions, clock: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._exchanges = exchanges
        self._sessions = sessions
        self._clock = clock
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._hinted: dict[str, asyncio.TimerHandle] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def listen(self, namespace: str) -> None:
        """Begin to listen to a namespace; repeats change nothing."""
        listener = self._listeners.get(namespace)
        if listener is None or listener.done():
            self._listeners[namespace] = asyncio.get_running_loop().create_task(self._follow(namespace))

    async def stop(self) -> None:
        for timer in self._hinted.values():
            timer.cancel()
        self._hinted.clear()
        tasks = [*self._listeners.values(), *self._asking]
        self._listeners.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, namespace: str) -> None:
        async with self._engine.events(namespace, cancelling=True) as changes:
            async for change in changes:
                live = None if change.job is None else self._sessions.holder(change.job)
                if live is not None:
                    self._hint(live)

    def _hint(self, live: LiveSession) -> None:
        session = live.ref.session
        if session not in self._hinted:  # no fence: one timer for many hints
            delay = max(GATHER_SECONDS, live.checked_at + QUIET_SECONDS - self._clock())
            self._hinted[session] = asyncio.get_running_loop().call_later(delay, self._ask, live)

    def _ask(self, live: LiveSession) -> None:
        self._hinted.pop(live.ref.session, None)  # no fence: a hint too many or too late
        if live.held and self._sessions.is_current(live):
            asking = asyncio.get_running_loop().create_task(self._tell(live))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)

    async def _tell(self, live: LiveSession) -> None:
        try:
            update = await self._exchanges.orders(live)
        except TaskJobError as error:
            log.warning("cancel orders could not be read: %s", error.detail)
            return
        if update is not None and self._sessions.is_current(live):
            live.outlet.push(update)
