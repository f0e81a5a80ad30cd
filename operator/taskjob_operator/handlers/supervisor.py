"""kopf under supervision: it ends on errors that a watch is full of (an in-stream 500, a 410 in the middle of a list),
and is then begun again inside this process, after a jittered pause. Queues, writers and the Lease go on meanwhile.

A new watch begins with a list, so whatever changed in the gap is seen again, but for deletions: `on_gap` says that
some may have been missed, each time that a watch is begun anew, by this process or by kopf.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import kopf

from taskjob_operator.handlers.tuning import quiet_settings
from taskjob_operator.handlers.watchdog import Watchdog
from taskjob_operator.handlers.watching import Source, registry_of
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.target import Connection

logger = logging.getLogger(__name__)
HEALTHY_SECONDS = 60.0
"""A watch that lived for so long begins anew without a pause."""

STOP_SECONDS = 10.0
_NOBODY: Any = "taskjob-operator"
"""kopf would look for the name of the user, which a numeric one in a container does not have."""


class _Everything(Collection[Any]):
    """All tasks of the loop: kopf must end none but its own."""

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


class WatchSupervisor:
    def __init__(
        self,
        connection: Connection,
        sources: tuple[Source, ...],
        namespaces: tuple[str, ...],
        *,
        watchdog: Watchdog,
        definitions_exist: Callable[[], Awaitable[None]],
        on_gap: Callable[[], None],
        on_spawn: Callable[[], None] = lambda: None,
    ) -> None:
        """`definitions_exist` returns when all kinds are served: kopf looks for them when it starts and never again.
        `on_spawn` is called after each start of kopf, which takes the process's signal handlers for itself."""
        self._connection = connection
        self._sources = sources
        self._namespaces = namespaces
        self._watchdog = watchdog
        self._definitions_exist = definitions_exist
        self._on_gap = on_gap
        self._on_spawn = on_spawn
        self.restarts = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        backoff = Backoff(most=10.0)
        while True:
            await self._definitions_exist()
            began = time.monotonic()
            await self._watch_once()
            self.restarts += 1
            self._on_gap()
            if time.monotonic() - began > HEALTHY_SECONDS:
                backoff.reset()
            pause = backoff.next()
            logger.warning("the watch ended; a new one begins in %.1f s", pause)
            await asyncio.sleep(pause)

    async def _watch_once(self) -> None:
        stop = asyncio.Event()
        self._watchdog.begin()
        spawned = await kopf.spawn_tasks(
            registry=registry_of(self._connection, self._sources),
            settings=quiet_settings(self._on_gap),
            identity=_NOBODY,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=stop,
        )
        self._on_spawn()
        watching = asyncio.create_task(kopf.run_tasks(spawned, ignored=_Everything()), name="kopf")
        silence = asyncio.create_task(self._watchdog.bark(), name="watchdog")
        try:
            await asyncio.wait({watching, silence}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            silence.cancel()
            stop.set()
            await _ended(watching)


async def _ended(watching: asyncio.Task[None]) -> None:
    _, late = await asyncio.wait({watching}, timeout=STOP_SECONDS)
    if late:
        watching.cancel()
        await asyncio.wait({watching}, timeout=STOP_SECONDS)
    if watching.done() and not watching.cancelled() and (error := watching.exception()):
        logger.warning("the watch failed: %s: %s", type(error).__name__, error)
