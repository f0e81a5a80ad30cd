"""Answers of somebody who is slow to ask: kept for a while, and each asked for once at a time.

A failure is nobody's answer: everyone who waited gets it, the next one asks anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Answers(Generic[Key, Value]):
    """Belongs to one event loop. `seconds` says how long an answer may be used; at most `limit` are kept."""

    def __init__(
        self, *, limit: int, seconds: Callable[[Value], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._seconds = seconds
        self._monotonic = monotonic
        self._known: dict[Key, tuple[float, Value]] = {}
        self._asked: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        """The kept answer, else that of `ask`, whose errors are raised. Who gives up waiting stops nobody else."""
        known = self._known.get(key)
        if known is not None:
            if self._monotonic() < known[0]:
                return known[1]
            del self._known[key]
        flight = self._asked.get(key)
        if flight is None:
            flight = self._asked[key] = asyncio.get_running_loop().create_task(self._ask(key, ask))
            flight.add_done_callback(_retrieve)
        return await asyncio.shield(flight)

    async def _ask(self, key: Key, ask: Callable[[], Awaitable[Value]]) -> Value:
        try:
            value = await ask()
        finally:
            del self._asked[key]
        while len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[key] = (self._monotonic() + self._seconds(value), value)
        return value

    def __len__(self) -> int:
        return len(self._known)


def _retrieve(flight: asyncio.Task[Value]) -> None:
    """Nobody may be left to look at the error."""
    if not flight.cancelled():
        flight.exception()
