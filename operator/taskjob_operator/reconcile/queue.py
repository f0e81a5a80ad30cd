"""Keys that need work: each once however often it is named, never in two hands at a time, later after a failure."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Callable, Iterable

FIRST_SECONDS = 0.25
MOST_SECONDS = 60.0


class WorkQueue:
    """Belongs to one event loop. A key that is added while it is being worked on comes again after that."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready: dict[str, None] = {}
        self._later: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._failures: dict[str, int] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready) + len(self._due) + len(self._working)

    def add(self, key: str, delay: float = 0.0) -> None:
        if key in self._working and delay <= 0:
            self._again.add(key)
        elif delay > 0:
            if key not in self._ready:
                self._schedule(key, self._clock() + delay)
        else:
            self._due.pop(key, None)
            self._ready[key] = None
            self._wake.set()

    def retry(self, key: str) -> None:
        """Again after a failure: 0.25 s, then twice as long each time, at most a minute."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        nominal = min(FIRST_SECONDS * 2 ** min(failures, 20), MOST_SECONDS)
        self.add(key, nominal * (0.5 + random.random() / 2))  # noqa: S311 - spreads load

    def succeeded(self, key: str) -> None:
        self._failures.pop(key, None)

    def forget(self, key: str) -> None:
        for place in (self._ready, self._due, self._failures):
            place.pop(key, None)
        self._again.discard(key)

    def working_on(self, key: str) -> bool:
        return key in self._working

    def waiting(self) -> list[str]:
        """Keys that wait, now and later."""
        return [*self._ready, *self._due]

    async def take(self, most: int) -> list[str]:
        """At least one key, in the order in which they became ready; `done` gives them back."""
        while True:
            self._promote()
            if self._ready:
                keys = list(self._ready)[:most] if len(self._ready) > most else list(self._ready)
                for key in keys:
                    del self._ready[key]
                self._working.update(keys)
                return keys
            self._wake.clear()
            timeout = None if not self._later else max(self._later[0][0] - self._clock(), 0.0)
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                continue

    def done(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def _schedule(self, key: str, at: float) -> None:
        """The earlier of two times counts."""
        if at < self._due.get(key, float("inf")):
            self._due[key] = at
            heapq.heappush(self._later, (at, key))
            self._wake.set()

    def _promote(self) -> None:
        now = self._clock()
        while self._later and self._later[0][0] <= now:
            at, key = heapq.heappop(self._later)
            if self._due.get(key) == at:
                del self._due[key]
                if key in self._working:
                    self._again.add(key)
                else:
                    self._ready[key] = None
