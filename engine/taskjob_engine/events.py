"""Wake-ups for callers that wait: the long poll and the event stream.

It fans out hints and remembers nothing durable. A waiter is woken by a change that comes after it joined; what it
missed before, it reads from the store. A slow listener loses its oldest hints and never holds up anybody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from taskjob_engine.store import WakeUp

LISTENER_BACKLOG = 1000
"""Hints kept for one listener that does not fetch them."""


class EventHub:
    """Belongs to one event loop. `publish` is handed to `JobStore.watch`."""

    def __init__(self) -> None:
        self._waiters: dict[tuple[str, str], set[JobWaiter]] = {}
        self._streams: dict[str, set[EventStream]] = {}
        self.closed = False

    def publish(self, wakeups: Sequence[WakeUp]) -> None:
        if not self._waiters and not self._streams:
            return
        for wakeup in wakeups:
            if wakeup.job is None:
                continue
            for waiter in self._waiters.get((wakeup.namespace, wakeup.job), ()):
                waiter.wake()
            for stream in self._streams.get(wakeup.namespace, ()):
                stream.offer(wakeup)

    def wait_for(self, namespace: str, job: str) -> JobWaiter:
        return JobWaiter(self._waiters, (namespace, job))

    def stream(self, namespace: str, *, queue: str | None, job: str | None) -> EventStream:
        stream = EventStream(self._streams, namespace, queue, job)
        if self.closed:
            stream.close()
        return stream

    def close(self) -> None:
        """End every stream and wake every waiter, so that a stopping server need not wait for them."""
        self.closed = True
        for streams in list(self._streams.values()):
            for stream in list(streams):
                stream.close()
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.wake()


class JobWaiter:
    """Counts the changes of one job while the `with` block lasts, so that none between two looks is missed."""

    def __init__(self, registry: dict[tuple[str, str], set[JobWaiter]], key: tuple[str, str]) -> None:
        self._registry = registry
        self._key = key
        self._changed = asyncio.Event()
        self.generation = 0

    def __enter__(self) -> Self:
        self._registry.setdefault(self._key, set()).add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        waiters = self._registry[self._key]
        waiters.discard(self)
        if not waiters:
            del self._registry[self._key]

    def wake(self) -> None:
        self.generation += 1
        self._changed.set()

    async def beyond(self, generation: int, *, seconds: float) -> bool:
        """True as soon as a change came after `generation` was read; False when the time is over."""
        if self.generation == generation:
            self._changed.clear()
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the wake-up.
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return False
        return True


class EventStream:
    """Hints about changed jobs, in order, as an async iterator. Listening begins when it is made and ends with
    `aclose` (or `async with`), after which the iterator ends too."""

    def __init__(
        self, registry: dict[str, set[EventStream]], namespace: str, queue: str | None, job: str | None
    ) -> None:
        self._registry = registry
        self._namespace = namespace
        self._queue = queue
        self._job = job
        self._backlog: deque[WakeUp] = deque(maxlen=LISTENER_BACKLOG)
        self._arrived = asyncio.Event()
        self._closed = False
        self.dropped = 0
        registry.setdefault(namespace, set()).add(self)

    def offer(self, wakeup: WakeUp) -> None:
        if self._queue not in {None, wakeup.queue} or self._job not in {None, wakeup.job}:
            return
        self.dropped += len(self._backlog) == LISTENER_BACKLOG
        self._backlog.append(wakeup)
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WakeUp:
        while not self._backlog:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._backlog.popleft()

    def close(self) -> None:
        self._closed = True
        self._arrived.set()
        streams = self._registry.get(self._namespace)
        if streams is not None:
            streams.discard(self)
            if not streams:
                del self._registry[self._namespace]

    async def aclose(self) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
