"""The engine's numbers of all TaskQueues, asked for in one call every other second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from taskjob.wire.operator_messages import MAX_ITEMS, QueueNumbers, QueueNumbersRead
from taskjob_operator.door import DoorError
from taskjob_operator.queues.agenda import Key
from taskjob_operator.queues.status import NUMBERS_SECONDS

log = logging.getLogger("taskjob.operator")

POLL_SECONDS = 2.0


class NumbersDoor(Protocol):
    async def queue_numbers(self, queues: Sequence[Key]) -> QueueNumbersRead: ...


class Numbers:
    """`changed` is told of a queue whose numbers are not what they were: at once what a person waits for (paused,
    first workers, first jobs that nobody can serve), what merely counts not oftener than it is written."""

    def __init__(self, door: NumbersDoor, changed: Callable[[Key, float], None]) -> None:
        self._door = door
        self._changed = changed
        self._numbers: dict[Key, QueueNumbers | None] = {}
        self._told: dict[Key, float] = {}
        self._new = asyncio.Event()

    def of(self, key: Key) -> QueueNumbers | None:
        return self._numbers.get(key)

    def follow(self, key: Key) -> None:
        if key not in self._numbers:
            self._numbers[key] = None
            self._new.set()

    def followed(self) -> list[Key]:
        return list(self._numbers)

    def forget(self, key: Key) -> None:
        self._numbers.pop(key, None)
        self._told.pop(key, None)

    async def run(self) -> None:
        """Until cancelled. A queue that is new is asked about at once."""
        while True:
            self._new.clear()
            try:
                await self.poll()
            except DoorError as error:
                log.warning("the numbers of the queues could not be read: %s", error.detail)
            try:
                async with asyncio.timeout(POLL_SECONDS if self._numbers else None):
                    await self._new.wait()
            except TimeoutError:
                pass

    async def poll(self) -> None:
        for some in _in_batches(sorted(self._numbers)):
            for numbers in (await self._door.queue_numbers(some)).queues:
                key = (numbers.namespace, numbers.name)
                if key in self._numbers:
                    self._take(key, numbers)

    def _take(self, key: Key, numbers: QueueNumbers) -> None:
        before, self._numbers[key] = self._numbers[key], numbers
        if before == numbers:
            return
        now = asyncio.get_running_loop().time()
        if before is not None and _gist(before) == _gist(numbers):
            wait = max(0.0, self._told.get(key, 0.0) + NUMBERS_SECONDS - now)
        else:
            wait = 0.0
        self._told[key] = now + wait
        self._changed(key, wait)


def _gist(numbers: QueueNumbers) -> tuple[object, ...]:
    return numbers.paused_by, numbers.workers > 0, numbers.unservable > 0


def _in_batches(keys: Sequence[Key]) -> list[Sequence[Key]]:
    return [keys[start : start + MAX_ITEMS] for start in range(0, len(keys), MAX_ITEMS)]
