"""What a connection has begun and not ended; when it is `full`, its reader pauses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class UnderWay:
    """`on_change` is called when it becomes full, and after each end."""

    def __init__(self, most: int, on_change: Callable[[], None]) -> None:
        self._most = most
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        return len(self._tasks) >= self._most

    def begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if self.full:
            self._on_change()
        return task

    def all(self) -> set[asyncio.Task[None]]:
        return set(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        retrieve(task)
        self._on_change()


def retrieve(task: asyncio.Task[None]) -> None:
    """Raise, where the loop tells of it, what ended a task that nobody awaits."""
    if not task.cancelled():
        task.result()
