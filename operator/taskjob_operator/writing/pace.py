"""How many writes are in flight, and how many a second: more while all is well, half as many when told off."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

FIRST = 8
MOST = 32
GROW_AFTER = 16
"""Successes before one more may be in flight."""


class Pace:
    """Belongs to one event loop. `enter` before a call, then exactly one of `went_well`, `told_off`, `failed`."""

    def __init__(self, per_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._tokens = per_second
        self._clock = clock
        self._filled_at = clock()
        self._free = asyncio.Condition()
        self.limit = FIRST
        self.in_flight = 0
        self._successes = 0
        self._paused_until = 0.0

    async def enter(self) -> None:
        """Wait for a place, a token and the end of any pause."""
        async with self._free:
            await self._free.wait_for(lambda: self.in_flight < self.limit)
            self.in_flight += 1
        while (wait := self._wait_seconds()) > 0:  # noqa: ASYNC110 - a clock is waited for
            await asyncio.sleep(wait)
        self._tokens -= 1

    async def went_well(self) -> None:
        self._successes += 1
        if self._successes >= GROW_AFTER and self.limit < MOST:
            self._successes = 0
            self.limit += 1
        await self._leave()

    async def failed(self) -> None:
        self._successes = 0
        await self._leave()

    async def told_off(self, retry_after: float | None) -> None:
        """429: everybody waits, with jitter, and fewer go on."""
        self._successes = 0
        self.limit = max(self.limit // 2, 1)
        seconds = (retry_after if retry_after is not None else 1.0) * (1 + random.random() / 4)  # noqa: S311
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        await self._leave()

    async def _leave(self) -> None:
        async with self._free:
            self.in_flight -= 1
            self._free.notify_all()

    def _wait_seconds(self) -> float:
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._filled_at) * self._per_second, self._per_second)
        self._filled_at = now
        if now < self._paused_until:
            return self._paused_until - now
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._per_second
