"""Whether this process takes new work, and the signal that ends long answers when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Lifetime:
    """Belongs to one event loop. Starting → serving → stopping; readiness follows it."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self.serving = False

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def begin_serving(self) -> None:
        self.serving = True

    def begin_stopping(self) -> None:
        """Not ready any more; long polls and streams answer with what they have."""
        self.serving = False
        self._stopping.set()

    async def unless_stopping(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`, or None (and `work` cancelled) as soon as the process stops."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            stop.cancel()
