"""Wake-ups for callers that wait: the long poll and the event stream.

It fans out hints and remembers nothing durable. A waiter is woken by a change that comes after it joined; what it
missed before, it reads from the store. A slow listener loses its oldest hints and never holds up anybody. Listeners
are found by topic, so that a thousand of them on a thousand jobs cost a busy store nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self

import msgspec

from taskjob_engine.store import WakeUp

LISTENER_BACKLOG = 1000
"""Hints kept for one listener that does not fetch them."""

Topic = tuple[str, str]
"""(namespace, job id), or (namespace, one of the two below, which are no ids)."""

EVERY_JOB = ""
CANCELLING = "/cancelling"
WRITTEN = "/written"
"""Behind a job's id: its log has grown."""
MIRRORS = "/mirrors"
"""In the place of a namespace, beside an owner scope: its `changes` have something new."""


class Listener(Protocol):
    def offer(self, wakeup: WakeUp, /) -> None: ...

    def close(self) -> None: ...


class EventHub:
    """Belongs to one event loop. `publish` is handed to `JobStore.watch`."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, set[Listener]] = {}
        self.closed = False

    def publish(self, wakeups: Sequence[WakeUp]) -> None:
        listeners = self._listeners
        if not listeners:
            return
        for wakeup in wakeups:
            if wakeup.cluster is not None:
                for listener in listeners.get((MIRRORS, wakeup.cluster), ()):
                    listener.offer(wakeup)
            elif wakeup.jobs:
                self._publish_each(wakeup)
            elif wakeup.job is not None:
                self._publish(wakeup, wakeup.job)

    def _publish(self, wakeup: WakeUp, job: str) -> None:
        listeners = self._listeners
        namespace = wakeup.namespace
        for topic in ((namespace, job), (namespace, EVERY_JOB)):
            for listener in listeners.get(topic, ()):
                listener.offer(wakeup)
        if wakeup.cancelling:
            for listener in listeners.get((namespace, CANCELLING), ()):
                listener.offer(wakeup)

    def _publish_each(self, wakeup: WakeUp) -> None:
        """A hint of many jobs, taken apart for those that somebody listens to."""
        listeners = self._listeners
        namespace = wakeup.namespace
        if (namespace, EVERY_JOB) not in listeners and not wakeup.cancelling:
            if len(listeners) == ((namespace, CANCELLING) in listeners):
                return
            heard: Iterable[str] = (job for job in wakeup.jobs if (namespace, job) in listeners)
        else:
            heard = wakeup.jobs
        for job in heard:
            self._publish(msgspec.structs.replace(wakeup, job=job, jobs=()), job)

    def wait_for(self, namespace: str, job: str) -> JobWaiter:
        return JobWaiter(self, (namespace, job))

    def wrote(self, namespace: str, job: str) -> None:
        """The log of this job has grown."""
        for listener in self._listeners.get((namespace, job + WRITTEN), ()):
            listener.offer(WakeUp(namespace=namespace, queue="", job=job))

    def wait_for_log(self, namespace: str, job: str) -> LogWaiter:
        return LogWaiter(self, (namespace, job))

    def wait_for_changes(self, cluster_id: str) -> ChangesWaiter:
        return ChangesWaiter(self, (MIRRORS, cluster_id))

    def stream(self, topic: Topic, *, queue: str | None = None) -> EventStream:
        stream = EventStream(self, topic, queue)
        if self.closed:
            stream.close()
        return stream

    def join(self, topic: Topic, listener: Listener) -> None:
        self._listeners.setdefault(topic, set()).add(listener)

    def leave(self, topic: Topic, listener: Listener) -> None:
        """Leaving twice is harmless."""
        listeners = self._listeners.get(topic)
        if listeners is not None:
            listeners.discard(listener)
            if not listeners:
                del self._listeners[topic]

    def close(self) -> None:
        """End every stream and wake every waiter, so that a stopping server need not wait for them."""
        self.closed = True
        for listener in [listener for listeners in self._listeners.values() for listener in listeners]:
            listener.close()


class JobWaiter:
    """Counts hints that one job may be finished while the `with` block lasts, so that none between two looks is
    missed. Other changes wake nobody: a look costs a read of the store."""

    def __init__(self, hub: EventHub, topic: Topic) -> None:
        self._hub = hub
        self._topic = topic
        self._changed = asyncio.Event()
        self.generation = 0

    def __enter__(self) -> Self:
        self._hub.join(self._topic, self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._hub.leave(self._topic, self)

    def offer(self, wakeup: WakeUp, /) -> None:
        if wakeup.phase is None or wakeup.phase.is_terminal:
            self._wake()

    def close(self) -> None:
        """The hub has closed: look once more."""
        self._wake()

    async def beyond(self, generation: int, *, seconds: float) -> bool:
        """True as soon as a hint came after `generation` was read; False when the time is over."""
        if self.generation == generation:
            self._changed.clear()
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the wake-up.
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
            except TimeoutError:
                return False
        return True

    def _wake(self) -> None:
        self.generation += 1
        self._changed.set()


class ChangesWaiter(JobWaiter):
    """Counts hints that an owner scope has changes to be told."""

    def offer(self, wakeup: WakeUp, /) -> None:
        del wakeup
        self._wake()


class LogWaiter(JobWaiter):
    """Counts hints that one job's log may have grown, or ended."""

    def __enter__(self) -> Self:
        namespace, job = self._topic
        self._hub.join((namespace, job + WRITTEN), self)
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        namespace, job = self._topic
        self._hub.leave((namespace, job + WRITTEN), self)
        super().__exit__(kind, error, tb)

    def offer(self, wakeup: WakeUp, /) -> None:
        del wakeup
        self._wake()


class EventStream:
    """Hints about changed jobs, in order, as an async iterator. Listening begins when it is made and ends with
    `aclose` (or `async with`), after which the iterator ends too."""

    def __init__(self, hub: EventHub, topic: Topic, queue: str | None) -> None:
        self._hub = hub
        self._topic = topic
        self._queue = queue
        self._backlog: deque[WakeUp] = deque(maxlen=LISTENER_BACKLOG)
        self._arrived = asyncio.Event()
        self._closed = False
        self.dropped = 0
        hub.join(topic, self)

    def offer(self, wakeup: WakeUp, /) -> None:
        if self._queue is not None and self._queue != wakeup.queue:
            return
        self.dropped += len(self._backlog) == LISTENER_BACKLOG
        self._backlog.append(wakeup)
        self._arrived.set()

    def close(self) -> None:
        """What has arrived can still be read, then the iterator ends."""
        self._closed = True
        self._arrived.set()
        self._hub.leave(self._topic, self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WakeUp:
        while not self._backlog:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._backlog.popleft()

    async def aclose(self) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()
