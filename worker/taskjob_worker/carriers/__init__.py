"""The two ways to a gateway. A carrier moves messages between the session machine and the wire; it decides nothing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from taskjob.errors import UnavailableError
from taskjob.wire.messages import Submit, Submitted, SubmitVerdict
from taskjob.wire.worker_events import Event
from taskjob.wire.worker_session import WorkerSession

CONNECT_SECONDS = 10.0
SUBMIT_SECONDS = 30.0
START_DELAY_SECONDS = 0.05
"""A start is told on its own only if the job still runs then; a shorter one is told by its settle."""


class Hub(Protocol):
    """What a carrier serves."""

    session: WorkerSession

    def on_events(self, events: list[Event]) -> None: ...
    def capacity(self) -> int: ...
    def busy(self) -> bool: ...


class Carrier(Protocol):
    async def run(self, token: str | None) -> None:
        """One connection, from hello to its end. Raises `OSError` (and what derives from it) if it breaks."""
        ...

    def flush(self) -> None:
        """Say what there is to say, and ask for what there is room for."""
        ...

    def announce(self, then: Callable[[], None]) -> None:
        """Call `then` once the starts told to the session machine so far are on their way."""
        ...

    def drain(self) -> None: ...

    async def submit(self, documents: Sequence[dict[str, Any]]) -> tuple[SubmitVerdict, ...]:
        """Raises `UnavailableError` where no answer came."""
        ...

    def cut(self, reason: str) -> None:
        """Give the connection up, so that `run` ends; the next one resumes. What was asked for is void then."""
        ...

    async def close(self) -> None:
        """Say bye and end the connection."""
        ...


class Calls:
    """Submits under way, by request number."""

    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, asyncio.Future[Submitted]] = {}

    def open(self, documents: Sequence[dict[str, Any]], session: WorkerSession, *, bound: bool) -> Submit:
        self._last += 1
        self._waiting[self._last] = asyncio.get_running_loop().create_future()
        return Submit(
            request=self._last,
            items=tuple(msgspec.Raw(msgspec.json.encode(document)) for document in documents),
            session=None if bound else session.session,
            epoch=None if bound else session.epoch,
        )

    def answer(self, submitted: Submitted) -> None:
        waiter = self._waiting.get(submitted.request)
        if waiter is not None and not waiter.done():
            waiter.set_result(submitted)

    async def result(self, call: Submit) -> tuple[SubmitVerdict, ...]:
        try:
            async with asyncio.timeout(SUBMIT_SECONDS):
                return (await self._waiting[call.request]).verdicts
        except TimeoutError as error:
            raise UnavailableError("no answer to a submit from inside a task") from error
        finally:
            del self._waiting[call.request]

    def fail(self) -> None:
        """The connection is gone: whoever waits may try again, its idempotency key makes that safe."""
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(UnavailableError("the connection broke before the submit was answered"))


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
