"""The four ways to run a task: `coroutines` (async), `threads`, `processes`, `commands`. Each is an `Executor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from taskjob.ending import Ending
from taskjob_worker.delivery import Delivery

Done = Callable[[Delivery, Ending], None]
"""Called on the loop, exactly once for each started delivery."""


class Executor(Protocol):
    """Called only on the worker's loop. How many run at once is the runner's business."""

    def start(self, delivery: Delivery) -> None: ...

    def stop(self, delivery: Delivery) -> None:
        """Ask the task to stop; `delivery.stop_reason` says why."""
        ...

    def kill(self, delivery: Delivery) -> bool:
        """Grace is over. False where Python gives no means: the task goes on until the worker's process ends."""
        ...

    async def close(self) -> None:
        """End what is left without reporting it."""
        ...
