"""Time and chance that a test decides."""

from __future__ import annotations

import random

START = 1_800_000_000_000_000
"""Microseconds since the epoch: some day in 2027."""


class ManualClock:
    """Stands still until told. `jump` may also go back, as a wall clock does."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += round(seconds * 1_000_000)

    jump = advance


class EvenRandom(random.Random):
    """Ids differ, jitter is always in the middle: back-off is exactly its nominal value."""

    def random(self) -> float:
        return 0.5
