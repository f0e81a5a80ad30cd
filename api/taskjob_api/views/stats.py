"""Counts of jobs."""

from __future__ import annotations

from taskjob.model import NamespaceStats, format_time
from taskjob_api.views.record import View, told_time


class QueueStats(View, frozen=True, kw_only=True):
    queue: str
    waiting: int
    ready: int
    leased: int
    live: int
    completed: int
    dead_letter: int
    cancelled: int
    accepted: int
    purged: int
    oldest_ready_at: str | None = None


class StatsView(View, frozen=True, kw_only=True):
    """One snapshot. `conserved`: accepted = completed + deadLetter + cancelled + live + purged, in each queue."""

    namespace: str
    at: str
    incarnation: str
    seq: int
    conserved: bool
    queues: list[QueueStats]


def stats_view(stats: NamespaceStats) -> StatsView:
    return StatsView(
        namespace=stats.namespace or "*",
        at=format_time(stats.at),
        incarnation=stats.incarnation,
        seq=stats.seq,
        conserved=stats.conserved,
        queues=[
            QueueStats(
                queue=counts.queue,
                waiting=counts.waiting,
                ready=counts.ready,
                leased=counts.leased,
                live=counts.live,
                completed=counts.completed,
                dead_letter=counts.dead_letter,
                cancelled=counts.cancelled,
                accepted=counts.accepted,
                purged=counts.purged,
                oldest_ready_at=told_time(counts.oldest_ready_at),
            )
            for counts in stats.queues
        ],
    )
