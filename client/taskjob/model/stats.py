"""Counts taken in one snapshot, and the conservation law over them (G7)."""

from __future__ import annotations

from taskjob.model.job import Record
from taskjob.model.times import Micros


class QueueCounts(Record, frozen=True, kw_only=True):
    """Jobs of one queue by state. `oldest_ready_at` is the enqueue time of the longest-waiting ready job."""

    namespace: str
    queue: str
    waiting: int = 0
    ready: int = 0
    leased: int = 0
    completed: int = 0
    dead_letter: int = 0
    cancelled: int = 0
    accepted: int = 0
    purged: int = 0
    oldest_ready_at: Micros | None = None

    @property
    def live(self) -> int:
        return self.waiting + self.ready + self.leased


class NamespaceStats(Record, frozen=True, kw_only=True):
    """All queues of one namespace (or of all, where `namespace` is None) in one snapshot."""

    namespace: str | None
    incarnation: str
    seq: int
    at: Micros
    queues: tuple[QueueCounts, ...] = ()

    @property
    def conserved(self) -> bool:
        """G7: accepted = completed + dead-lettered + cancelled + live + purged."""
        return all(q.accepted == q.completed + q.dead_letter + q.cancelled + q.live + q.purged for q in self.queues)
