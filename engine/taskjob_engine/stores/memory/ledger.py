"""Counts by queue, moved together with each job, so that stats cost nothing and G7 is exact."""

from __future__ import annotations

from collections import Counter, defaultdict

from taskjob.model import Micros, QueueCounts
from taskjob_engine.lifecycle.state import State
from taskjob_engine.stores.memory.rows import QueueKey


class Ledger:
    def __init__(self) -> None:
        self._counts: defaultdict[QueueKey, Counter[str]] = defaultdict(Counter)

    def moved(self, queue: QueueKey, before: State | None, after: State | None) -> None:
        """One job changed state. No `before`: it was accepted; no `after`: it was purged."""
        counts = self._counts[queue]
        counts["accepted" if before is None else before.value] += 1 if before is None else -1
        counts["purged" if after is None else after.value] += 1

    def live(self, queue: QueueKey) -> int:
        counts = self._counts[queue]
        return counts["waiting"] + counts["ready"] + counts["leased"]

    def queues(self, namespace: str | None) -> list[QueueKey]:
        return sorted(key for key in self._counts if namespace in {None, key[0]} and self._counts[key]["accepted"])

    def accepted_and_purged(self, queue: QueueKey) -> tuple[int, int]:
        counts = self._counts[queue]
        return counts["accepted"], counts["purged"]

    def counts(self, queue: QueueKey, oldest_ready_at: Micros | None) -> QueueCounts:
        return QueueCounts(
            namespace=queue[0], queue=queue[1], oldest_ready_at=oldest_ready_at, **dict(self._counts[queue])
        )
