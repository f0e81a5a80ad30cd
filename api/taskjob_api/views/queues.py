"""Queues, as they are declared and paused."""

from __future__ import annotations

from typing import Any

from taskjob.model import Queue, QueueTrouble, format_time
from taskjob_api.views.record import View, told_record, told_time


class QueueView(View, frozen=True, kw_only=True):
    """`paused` is declared in the queue's document; `pausedBy` is the person who paused it by the API. `managedBy` is
    the cluster whose TaskQueue declares it; `deleted`: that is gone, and its jobs wait for another of that name.
    `trouble` is what keeps its workers there from starting."""

    namespace: str
    name: str
    limits: dict[str, int]
    job_defaults: dict[str, Any]
    paused: bool
    paused_by: str | None = None
    paused_reason: str | None = None
    paused_until: str | None = None
    managed_by: str | None = None
    deleted: bool = False
    trouble: QueueTrouble | None = None
    revision: int
    created_at: str


class QueueList(View, frozen=True, kw_only=True):
    items: list[QueueView]


def queue_view(queue: Queue) -> QueueView:
    return QueueView(
        namespace=queue.namespace,
        name=queue.name,
        limits=told_record(queue.limits),
        job_defaults=told_record(queue.job_defaults),
        paused=queue.paused,
        paused_by=queue.paused_by,
        paused_reason=queue.paused_reason,
        paused_until=told_time(queue.paused_until),
        managed_by=queue.managed_by,
        deleted=queue.deleted,
        trouble=queue.trouble,
        revision=queue.revision,
        created_at=format_time(queue.created_at),
    )
