"""HTTP: `POST /worker/v1/exchange`, one call at a time. Settles, renews and asks for work in each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2
import msgspec

from taskjob.wire.codec import BadFrameError, decode_to_worker, encode
from taskjob.wire.messages import (
    Drain,
    Exchange,
    Failure,
    GoAway,
    Submitted,
    SubmitVerdict,
    ToWorker,
)
from taskjob_worker.carriers import CONNECT_SECONDS, START_DELAY_SECONDS, Calls, Hub, tls_context
from taskjob_worker.settings import WorkerSettings

PATH = "/worker/v1/exchange"
BUSY_WAIT_SECONDS = 0.25
"""With jobs running a call waits only so long for more: a settle must not wait behind it."""

REPLY_SECONDS = 10.0


class HttpCarrier:
    def __init__(self, hub: Hub, settings: WorkerSettings) -> None:
        self._hub = hub
        self._settings = settings
        self._calls = Calls()
        self._client: httpx2.AsyncClient | None = None
        self._wake = asyncio.Event()
        self._announced: list[Callable[[], None]] = []
        self._drain_unsaid = False
        self._bye = False

    async def run(self, token: str | None) -> None:
        session = self._hub.session
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with httpx2.AsyncClient(
            base_url=self._settings.gateway,
            headers=headers,
            verify=tls_context(self._settings.ca_file) if self._settings.gateway.startswith("https:") else True,
        ) as client:
            self._client = client
            try:
                self._take(await self._post(session.hello(time.monotonic())))
                while session.connected and not self._bye:
                    await self._round()
                if self._bye:
                    await self._post(session.bye())
            finally:
                self._client = None
                self._calls.fail()

    def flush(self) -> None:
        self._wake.set()

    def announce(self, then: Callable[[], None]) -> None:
        """The start must have been answered: only then it is known to be there."""
        self._announced.append(then)
        self._wake.set()

    def drain(self) -> None:
        self._hub.session.drain()
        self._drain_unsaid = True
        self._wake.set()

    async def submit(self, documents: Sequence[dict[str, Any]]) -> tuple[SubmitVerdict, ...]:
        call = self._calls.open(documents, self._hub.session, bound=False)
        if self._client is None:
            self._calls.fail()
        else:
            try:
                reply = await self._post(call)
            except OSError:
                self._calls.fail()
            else:
                if isinstance(reply, Submitted):
                    self._calls.answer(reply)
                else:
                    self._calls.fail()
        return await self._calls.result(call)

    def cut(self, reason: str) -> None:
        """Nothing to do: each call has a time-out, and asks for itself only."""

    async def close(self) -> None:
        """The connection's own loop says it, when the call under way is answered."""
        self._bye = True
        while self._client is not None:
            self._wake.set()
            await asyncio.sleep(0.01)

    async def _round(self) -> None:
        session = self._hub.session
        if self._drain_unsaid:
            await self._post(Drain(session=session.session, epoch=session.epoch))
            self._drain_unsaid = False
        now = time.monotonic()
        capacity = self._hub.capacity()
        if not (capacity or session.unsaid or self._announced or now >= session.heartbeat_at()):
            await self._sleep(session.heartbeat_at() - now)
            return
        self._wake.clear()
        told = len(self._announced)
        exchange = session.exchange(
            now,
            capacity=capacity,
            wait_seconds=self._wait_seconds(capacity),
            start_delay_seconds=0.0 if told else START_DELAY_SECONDS,
        )
        self._take(await self._repeatedly(exchange))
        # Only now: where no answer came, the session says the starts again on the next connection.
        begun, self._announced = self._announced[:told], self._announced[told:]
        for then in begun:
            then()

    def _take(self, reply: ToWorker) -> None:
        self._hub.on_events(self._hub.session.handle(reply))
        if isinstance(reply, Failure | GoAway):
            raise ConnectionError(f"the server said {msgspec.json.encode(reply).decode()}")

    def _wait_seconds(self, capacity: int) -> float:
        if not capacity or self._announced or self._hub.session.unsaid:
            return 0.0
        return BUSY_WAIT_SECONDS if self._hub.busy() else self._hub.session.heartbeat_seconds

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _repeatedly(self, exchange: Exchange) -> ToWorker:
        """Once more after a lost reply: the same seq brings the same grants."""
        try:
            return await self._post(exchange)
        except ConnectionError:
            return await self._post(exchange)

    async def _post(self, message: Any) -> ToWorker:
        assert self._client is not None
        wait = message.wait_seconds if isinstance(message, Exchange) else 0.0
        try:
            response = await self._client.post(
                PATH,
                content=encode(message),
                timeout=httpx2.Timeout(REPLY_SECONDS, connect=CONNECT_SECONDS, read=wait + REPLY_SECONDS),
            )
        except httpx2.HTTPError as error:
            raise ConnectionError(f"{type(error).__name__}: {error}") from error
        try:
            return decode_to_worker(response.content)
        except BadFrameError as error:
            raise ConnectionError(f"HTTP {response.status_code} from {PATH}: {response.text[:200]}") from error
