"""What `put_queue` does to a queue's record, and whether its jobs may start. Pure, used by every store."""

from __future__ import annotations

import msgspec

from taskjob.errors import ConflictError
from taskjob.model import Micros, Queue
from taskjob_engine.store import QueueChange

DEFAULT_QUEUE = "default"
"""Exists in every namespace from the start, stored or not."""

_replace = msgspec.structs.replace


def new_queue(namespace: str, name: str, *, now: Micros) -> Queue:
    return Queue(namespace=namespace, name=name, revision=1, created_at=now)


def changed_queue(queue: Queue | None, change: QueueChange, *, now: Micros) -> Queue:
    """The queue after the change; the very same record where nothing differs (a repeat).

    Raises `ConflictError` ManagedByKubernetes where the declared half is another's to change."""
    before = queue or new_queue(change.namespace, change.name, now=now)
    if change.declares and change.managed_by is None and before.managed_by is not None:
        raise ConflictError(
            f"queue {change.name!r} is declared by a TaskQueue; change that",
            reason="ManagedByKubernetes",
            hint=f"kubectl edit taskqueue {change.name} -n {change.namespace}",
        )
    after = _replace(
        before,
        limits=before.limits if change.limits is None else change.limits,
        job_defaults=before.job_defaults if change.job_defaults is None else change.job_defaults,
        paused=before.paused if change.paused is None else change.paused,
    )
    if change.deleted is not None:
        gone = change.deleted and change.name != DEFAULT_QUEUE
        after = _replace(after, deleted=gone, managed_by=None if change.deleted else change.managed_by)
    if change.managed_by is not None:
        after = _replace(after, trouble=None if change.deleted else change.trouble)
    if change.pause is True:
        after = _replace(
            after,
            paused_by=change.actor or "unknown",
            paused_reason=change.pause_reason,
            paused_until=change.pause_until,
        )
    elif change.pause is False:
        after = resumed(after)
    if queue is None or after == before:
        return before if after == before else after
    return _replace(after, revision=before.revision + 1)


def resumed(queue: Queue) -> Queue:
    """Without its operational pause; the declared one stays."""
    return _replace(queue, paused_by=None, paused_reason=None, paused_until=None)


def may_lease(queue: Queue, *, now: Micros) -> bool:
    return not queue.deleted and not is_paused(queue, now=now)


def is_paused(queue: Queue, *, now: Micros) -> bool:
    return queue.paused or (queue.paused_by is not None and not pause_is_over(queue, now=now))


def pause_is_over(queue: Queue, *, now: Micros) -> bool:
    """The operational pause has an end and it has passed: `promote` clears it."""
    return queue.paused_by is not None and queue.paused_until is not None and queue.paused_until <= now


def end_pause(queue: Queue) -> Queue:
    return _replace(resumed(queue), revision=queue.revision + 1)
