"""Hold-off: after trouble of our own, nobody's lease is declared lapsed for one full TTL.

Pure policy over two clocks that are handed in. Trouble is the start of the process, an outage of the store, an event
loop that stood still, and a store clock that left the monotonic one. Workers could not renew, or seemed not to,
through no fault of theirs; a full TTL gives each of them the time to be heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from taskjob.model import Micros
from taskjob.model.times import SECOND
from taskjob_engine.clock import monotonic_micros

DISAGREEMENT_SECONDS = 5.0
"""How far the clocks may drift apart between two observations."""

SKIPS_KEPT_SECONDS = 86_400.0
"""How long a forward jump is remembered: attempts that were running then have ended by now, or nearly."""

STALL_FRACTION = 3
"""An observation or an answer of the store later than TTL / 3 means that heartbeats stood still as well."""

OBSERVATIONS_PER_TTL = 15


class HoldOff:
    """Whoever may expire leases asks `remaining_seconds` right before: it observes the clocks first, so that a
    stall or jump is never overlooked because the watchdog was stalled too."""

    def __init__(
        self,
        ttl_seconds: float,
        *,
        store_clock: Callable[[], Micros],
        monotonic: Callable[[], Micros] = monotonic_micros,
    ) -> None:
        self._ttl = int(ttl_seconds * SECOND)
        self._store_clock = store_clock
        self._monotonic = monotonic
        self._until = 0
        self._observed: tuple[Micros, Micros] | None = None
        self._skips: list[tuple[Micros, Micros]] = []
        self.cause: str | None = None

    def start(self) -> None:
        """The process has begun to serve: what happened before is unknown."""
        self._observed = (self._store_clock(), self._monotonic())
        self._hold("Start")

    def outage(self) -> None:
        """The store failed a call just now. Each failure begins the TTL again, so it ends one TTL after the last."""
        self._hold("StoreOutage")

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Around a call to the store that workers depend on: one that takes as long as a stall is an outage."""
        begun = self._monotonic()
        yield
        if self._monotonic() - begun > self._ttl // STALL_FRACTION:
            self._hold("StoreOutage")

    def observe(self) -> None:
        """Compare both clocks with the last look at them."""
        store, monotonic = self._store_clock(), self._monotonic()
        if self._observed is not None:
            passed = monotonic - self._observed[1]
            ahead = store - self._observed[0] - passed
            if passed > self._ttl // STALL_FRACTION:
                self._hold("EventLoopStall")
            if abs(ahead) > DISAGREEMENT_SECONDS * SECOND:
                self._hold("ClockJump")
                self._skips.append((monotonic, max(0, ahead)))
        self._observed = (store, monotonic)

    def remaining_seconds(self) -> float:
        """How long expiry still pauses; 0.0 where it may go on."""
        self.observe()
        left = self._until - self._monotonic()
        if left <= 0:
            self.cause = None
            return 0.0
        return left / SECOND

    def skipped_seconds(self) -> float:
        """Time that the store's clock jumped over lately, in which no attempt could run."""
        self.observe()
        since = self._monotonic() - int(SKIPS_KEPT_SECONDS * SECOND)
        self._skips = [skip for skip in self._skips if skip[0] > since]
        return sum(skipped for _, skipped in self._skips) / SECOND

    async def watch(self) -> None:
        """Observe for ever, often enough that a calm loop is never taken for a stalled one."""
        while True:
            self.observe()
            await asyncio.sleep(self._ttl / SECOND / OBSERVATIONS_PER_TTL)

    def _hold(self, cause: str) -> None:
        self._until = self._monotonic() + self._ttl
        self.cause = cause
