"""Notices a watch that is open and dead: what we wrote must come back to us as an event.

Where nothing is written a silent watch is ended by kopf, which misses the server's bookmarks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)
ECHO_SECONDS = 15.0


class Watchdog:
    """Watches are told apart by namespace where there is one each; `clusterwide` has a single one."""

    def __init__(self, *, clusterwide: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._clusterwide = clusterwide
        self._clock = clock
        self._unanswered: dict[str, float] = {}

    def begin(self) -> None:
        """A new watch begins with a list: nothing is owed from before."""
        self._unanswered.clear()

    def wrote(self, namespace: str) -> None:
        self._unanswered.setdefault("" if self._clusterwide else namespace, self._clock())

    def saw_event(self, namespace: str) -> None:
        """Events come in order: one after the write proves the watch alive, and the write's own follows."""
        self._unanswered.pop("" if self._clusterwide else namespace, None)

    def silent(self) -> bool:
        now = self._clock()
        return any(now - since > ECHO_SECONDS for since in self._unanswered.values())

    async def bark(self) -> None:
        """Return when a watch is dead."""
        while not self.silent():  # noqa: ASYNC110 - a clock is watched, not an event
            await asyncio.sleep(1.0)
        logger.warning("no echo of our own writes for %.0f s: the watch is dead", ECHO_SECONDS)
