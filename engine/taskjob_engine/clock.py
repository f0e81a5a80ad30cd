"""The clock that stores stamp with: wall time that never goes back.

It follows the wall clock forward at once; while the wall clock is behind what was already told, it runs on the
monotonic clock until the wall has caught up. It judges nothing: what a jump means for leases is `holdoff`'s business.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from taskjob.model import Micros

Source = Callable[[], Micros]


def wall_micros() -> Micros:
    return time.time_ns() // 1_000


def monotonic_micros() -> Micros:
    return time.monotonic_ns() // 1_000


class StoreClock:
    """Safe to call from any thread.

    `floor` is a time that was already told (the newest stamp found in a store at start): no later call tells less.
    """

    def __init__(self, *, floor: Micros = 0, wall: Source = wall_micros, monotonic: Source = monotonic_micros) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._offset = floor - monotonic()

    def now(self) -> Micros:
        with self._lock:
            # The wall is read first: a pause between the two readings then makes the offset too small, and the
            # largest offset wins, so that no scheduling hiccup is ever mistaken for a jump.
            wall = self._wall()
            monotonic = self._monotonic()
            self._offset = max(self._offset, wall - monotonic)
            return monotonic + self._offset
