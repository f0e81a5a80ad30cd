"""Which objects to look at next: each key at most once at a time, however often it is asked for.

Level-based: a key says "look", not what happened. What fails is looked at again, later each time.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

log = logging.getLogger("taskjob.operator")

Key: TypeAlias = tuple[str, str]
"""Namespace and name."""

FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 60.0


class Agenda:
    """`look` handles one key and may return in how many seconds it wants to see it again."""

    def __init__(self, look: Callable[[Key], Awaitable[float | None]], *, name: str) -> None:
        self._look = look
        self._name = name
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._busy: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Look at it then, or sooner if it is due sooner already."""
        due = asyncio.get_running_loop().time() + delay
        if due < self._due.get(key, float("inf")):
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            self._changed.set()

    def __len__(self) -> int:
        return len(self._due) + len(self._busy)

    async def run(self, workers: int) -> None:
        """Until cancelled. No look is left running."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._next()
            try:
                await self._once(key)
            finally:
                self._busy.discard(key)
                self._changed.set()

    async def _once(self, key: Key) -> None:
        try:
            again = await self._look(key)
        except Exception:  # one object's trouble is not the others'
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            pause = min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 16), LONGEST_RETRY_SECONDS)
            log.warning("%s %s/%s failed, again in %.1f s", self._name, *key, pause, exc_info=True)
            self.add(key, pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            return
        self._failures.pop(key, None)
        if again is not None:
            self.add(key, again)

    async def _next(self) -> Key:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            held_back: list[tuple[float, Key]] = []
            found: Key | None = None
            while self._heap and self._heap[0][0] <= loop.time():
                due, key = heapq.heappop(self._heap)
                if self._due.get(key) != due:
                    continue  # asked for sooner, and looked at
                if key in self._busy:
                    held_back.append((due, key))
                    continue
                found = key
                break
            for entry in held_back:
                heapq.heappush(self._heap, entry)
            if found is not None:
                del self._due[found]
                self._busy.add(found)
                return found
            # What is due and held back waits for the one that is busy, which tells when it is done.
            later = min((due for due, key in self._heap if key not in self._busy), default=None)
            try:
                async with asyncio.timeout(None if later is None else max(0.0, later - loop.time())):
                    await self._changed.wait()
            except TimeoutError:
                pass
