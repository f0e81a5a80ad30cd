"""Answers without an end of their own: how many one caller may hold open, and for how long they may go on.

It knows no job and no event; the routes make those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager

from fastapi.responses import StreamingResponse

from taskjob.errors import OverloadedError, TaskJobError
from taskjob_api.http import Receive, Scope, Send

MAX_STREAMS = 64
"""That one caller may hold open at a time."""

EVENT_STREAM = "text/event-stream"


class Streams:
    """Counts the open ones of each caller."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, caller: str) -> Iterator[None]:
        """Raises `OverloadedError` where the caller has its share."""
        if self._open[caller] >= MAX_STREAMS:
            raise OverloadedError(
                f"{MAX_STREAMS} streams are open already", hint="close some, or poll", retry_after_seconds=5
            )
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


class EventStream(StreamingResponse):
    """Server-sent events. Before each one `may_go_on` is asked, which raises a `TaskJobError` once the caller has
    lost the right that it came with: then the stream ends, and who comes again is told why."""

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        *,
        may_go_on: Callable[[], Awaitable[None]],
        streams: Streams,
        caller: str,
    ) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        self._events = _while_allowed(events, may_go_on)
        super().__init__(self._events, media_type=EVENT_STREAM, headers=headers)
        self._streams = streams
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.one_more(self._caller):
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)


async def _while_allowed(
    events: AsyncGenerator[bytes, None], may_go_on: Callable[[], Awaitable[None]]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            try:
                await may_go_on()
            except TaskJobError:
                return
            yield event
