"""What waits to be told, in a room of its own for each namespace; the namespaces take turns, so that none keeps the
others from being heard."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """Create it inside the event loop."""

    def __init__(self, *, most_each: int, most: int) -> None:
        self._most_each = most_each
        self._most = most
        self._rooms: dict[str, deque[T]] = {}
        self._count = 0
        self._came = asyncio.Event()

    def put(self, namespace: str, item: T) -> bool:
        """False: there is no room, and nothing was changed."""
        room = self._rooms.get(namespace)
        if self._count >= self._most or (room is not None and len(room) >= self._most_each):
            return False
        if room is None:
            room = self._rooms[namespace] = deque()
        room.append(item)
        self._count += 1
        self._came.set()
        return True

    async def take(self) -> T:
        """The next of the namespace whose turn it is."""
        while not self._rooms:
            self._came.clear()
            await self._came.wait()
        namespace = next(iter(self._rooms))
        room = self._rooms.pop(namespace)  # no fence: the first is meant
        item = room.popleft()
        if room:
            self._rooms[namespace] = room
        self._count -= 1
        return item
