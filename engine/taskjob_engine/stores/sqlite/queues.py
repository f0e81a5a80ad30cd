"""The verb `put_queue`, and what a change of a queue sets free."""

from __future__ import annotations

from taskjob.model import Queue
from taskjob_engine.policies.queue_change import DEFAULT_QUEUE, changed_queue, new_queue
from taskjob_engine.store import QueueChange
from taskjob_engine.stores.sqlite import permits
from taskjob_engine.stores.sqlite.transaction import Transaction


def put_queue(tx: Transaction, change: QueueChange) -> Queue:
    known = tx.catalog.find_queue(change.namespace, change.name)
    before = known.queue if known is not None and known.declared else None
    if before is None and change.name == DEFAULT_QUEUE:
        before = new_queue(change.namespace, change.name, now=tx.now)
    queue = changed_queue(before, change, now=tx.now)
    is_same = queue is before  # False: the same is written once more
    if is_same and known is not None and known.declared:
        return queue
    entry = tx.catalog.queue(change.namespace, change.name, declare=True, now=tx.now)
    tx.catalog.put(entry._replace(queue=queue))
    permits.hand_over_queue(tx, entry.id)
    announce_work(tx, entry.id)
    return queue


def announce_work(tx: Transaction, queue_id: int) -> None:
    """Hints for all ready work of a queue that may be leased again."""
    for task_id in tx.catalog.tasks:
        if tx.ready((queue_id, task_id)) > 0:
            tx.tell_ready((queue_id, task_id))
