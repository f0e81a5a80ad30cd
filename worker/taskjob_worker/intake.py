"""How much work to ask for, and what to hand back. Pure arithmetic over the clock it is given.

A worker holds what it runs and, where its tasks are short, a little more, so that the next job is there when a slot
gets free. What was not started within a second is handed back uncharged: another worker may be idle.
"""

from __future__ import annotations

from collections import deque

from taskjob_worker.delivery import Delivery

MOST_AHEAD = 2000
"""Jobs held beyond those that run, at most."""

HAND_BACK_SECONDS = 1.0
HORIZON_SECONDS = 0.25
"""Prefetch so much as the slots finish within it."""

SHORT_SECONDS = 0.1
"""Tasks that take longer on the average are not prefetched at all."""

COOL_SECONDS = 30.0
"""After a hand-back, no prefetch for so long."""


class Intake:
    def __init__(self, *, concurrency: int) -> None:
        self.waiting: deque[Delivery] = deque()
        """Granted and not started, oldest first."""
        self.open = True
        self._concurrency = concurrency
        self._mean_seconds = SHORT_SECONDS
        self._cool_until = float("-inf")

    def finished(self, seconds: float) -> None:
        """Learn from a job that ran so long."""
        self._mean_seconds += (seconds - self._mean_seconds) * 0.1

    def capacity(self, running: int, now: float) -> int:
        """How many more jobs to hold."""
        if not self.open:
            return 0
        return max(0, self._concurrency - running + self._ahead(now) - len(self.waiting))

    def overdue(self, now: float) -> list[Delivery]:
        """Take out what waited too long for a slot."""
        late: list[Delivery] = []
        while self.waiting and now - self.waiting[0].granted_at > HAND_BACK_SECONDS:
            late.append(self.waiting.popleft())
        if late:
            self._cool_until = now + COOL_SECONDS
        return late

    def _ahead(self, now: float) -> int:
        if self._mean_seconds >= SHORT_SECONDS or now < self._cool_until:
            return 0
        return min(MOST_AHEAD, int(self._concurrency * HORIZON_SECONDS / max(self._mean_seconds, 1e-6)))
