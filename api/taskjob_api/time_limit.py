"""One time limit for many calls: a single timer watches the oldest of them, so that a call costs none of its own."""

from __future__ import annotations

import asyncio
from types import TracebackType


class TimeLimit:
    """`with limit.call(): …` raises `TimeoutError` where the body takes longer than `seconds`, as `asyncio.timeout`
    does. All calls belong to one event loop."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        # To ask for the running loop costs a system call in some Pythons: once is enough.
        self._calls: dict[_Call, None] = {}
        """Oldest first, and so in the order of their ends."""
        self._timer: asyncio.TimerHandle | None = None

    def call(self) -> _Call:
        return _Call(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def begin(self, call: _Call) -> None:
        loop = self.loop
        call.ends_at = loop.time() + self.seconds
        self._calls[call] = None
        if self._timer is None:
            self._timer = loop.call_at(call.ends_at, self._look)

    def end(self, call: _Call) -> None:
        self._calls.pop(call, None)

    def _look(self) -> None:
        loop = self.loop
        self._timer = None
        for call in list(self._calls):
            if call.ends_at > loop.time():
                self._timer = loop.call_at(call.ends_at, self._look)
                return
            del self._calls[call]
            call.expire()


class _Call:
    __slots__ = ("_cancelling", "_expired", "_limit", "_task", "ends_at")

    def __init__(self, limit: TimeLimit) -> None:
        self._limit = limit
        self._expired = False
        self.ends_at = 0.0

    def __enter__(self) -> None:
        task = asyncio.current_task(self._limit.loop)
        if task is None:
            raise RuntimeError("a time limit needs a task to end")
        self._task = task
        self._cancelling = task.cancelling()
        self._limit.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limit.end(self)
        # Where somebody else has cancelled the task as well, that goes on.
        ours = self._expired and self._task.uncancel() <= self._cancelling
        if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def expire(self) -> None:
        self._expired = True
        self._task.cancel()
