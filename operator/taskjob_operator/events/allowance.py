"""How many of a kind are let through: some at once, then so many a second; each key has its own."""

from __future__ import annotations

from collections.abc import Callable, Hashable

MOST_KEYS = 1000
"""Beyond so many, those that have their whole allowance again are forgotten: it makes no difference."""


class Allowance:
    def __init__(self, burst: int, per_second: float, *, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> bool:
        """Whether one more of this key may pass now."""
        now = self._clock()
        if key not in self._left and len(self._left) >= MOST_KEYS:
            self._left = {each: left for each, left in self._left.items() if self._now(left, now) < self._burst}
        left = self._now(self._left.get(key, (self._burst, now)), now)
        passes = left >= 1
        self._left[key] = (left - 1 if passes else left, now)
        return passes

    def _now(self, left: tuple[float, float], now: float) -> float:
        tokens, since = left
        return min(tokens + (now - since) * self._per_second, self._burst)
