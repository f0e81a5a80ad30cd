"""How long the last attempts of each queue ran: enough to say what is usual there, in memory, at the cost of one append
a settle. A restart forgets it, and each replica knows the attempts that it settled."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

LAST = 200
"""Attempts remembered of a queue."""

FEWEST = 20
"""Attempts that one in twenty can be told from."""

MAX_QUEUES = 10_000
"""Queues are named by callers: beyond so many no further one is remembered."""

QueueKey = tuple[str, str]


class RecentRuns:
    def __init__(self) -> None:
        self._seconds: dict[QueueKey, deque[float]] = {}

    def noting(self, namespace: str, queue: str) -> Callable[[float], None]:
        """What takes the duration of an ended attempt of this queue."""
        kept = self._seconds.get((namespace, queue))
        if kept is None:
            kept = deque(maxlen=LAST)
            if len(self._seconds) < MAX_QUEUES:
                self._seconds[namespace, queue] = kept
        return kept.append

    def p95(self, namespace: str, queue: str) -> float | None:
        """Seconds within which 19 of 20 of them ended; None while too few are known."""
        kept = self._seconds.get((namespace, queue))
        if kept is None or len(kept) < FEWEST:
            return None
        return sorted(kept)[math.ceil(len(kept) * 0.95) - 1]
