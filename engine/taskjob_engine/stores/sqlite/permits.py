"""Permits of concurrency keys: a row (queue, key, job) per holder, handed on in the transaction that frees it.

There are no counters to drift: holders are counted where they stand, and there are never more than the limit.
Queue-wide maxConcurrency needs no rows of its own here: the leased rows of a queue are its permits, and the one
writer knows their number.
"""

from __future__ import annotations

from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.stores.sqlite.rows import Loaded
from taskjob_engine.stores.sqlite.transaction import Transaction


def keep(tx: Transaction, loaded: Loaded, after: JobState) -> JobState:
    """Store the next record of a job together with its permit: taken, kept, or handed to the best-ranked waiter.

    Returns the record as stored: an eligible job without a permit is limited.
    """
    had = transitions.holds_permit(loaded.job)
    if not had and transitions.holds_permit(after) and not take(tx, loaded.queue_id, after, loaded.pk):
        after = transitions.limited(after)
    tx.put(loaded, after)
    if had and not transitions.holds_permit(after):
        free(tx, loaded.queue_id, str(after.concurrency_key), loaded.pk)
    return after


def take(tx: Transaction, queue_id: int, job: JobState, pk: int) -> bool:
    if _held(tx, queue_id, str(job.concurrency_key)) >= _limit(tx, queue_id):
        return False
    tx.connection.execute("INSERT INTO permit VALUES (?, ?, ?)", (queue_id, job.concurrency_key, pk))
    return True


def free(tx: Transaction, queue_id: int, key: str, pk: int) -> None:
    tx.connection.execute(
        "DELETE FROM permit WHERE queue_id = ? AND concurrency_key = ? AND job_pk = ?", (queue_id, key, pk)
    )
    hand_over(tx, queue_id, key)


def hand_over(tx: Transaction, queue_id: int, key: str) -> None:
    """Give free permits of a key to its best-ranked waiters."""
    spare = _limit(tx, queue_id) - _held(tx, queue_id, key)
    if spare <= 0:
        return
    tx.flush_rows()
    waiters = tx.select(
        "SELECT pk FROM job WHERE reason = 'Limited' AND queue_id = ? AND concurrency_key = ?"
        " ORDER BY rank, id LIMIT ?",
        (queue_id, key, spare),
    )
    for waiter in tx.load_pks([row[0] for row in waiters]):
        granted = transitions.permit_granted(waiter.job, now=tx.now)
        tx.connection.execute("INSERT INTO permit VALUES (?, ?, ?)", (queue_id, key, waiter.pk))
        tx.put(waiter, granted)
    tx.flush_rows()


def hand_over_queue(tx: Transaction, queue_id: int) -> None:
    """After the limit of a queue was raised: serve every key that has waiters."""
    tx.flush_rows()
    keys = tx.select("SELECT DISTINCT concurrency_key FROM job WHERE reason = 'Limited' AND queue_id = ?", (queue_id,))
    for (key,) in keys:
        hand_over(tx, queue_id, key)


def _held(tx: Transaction, queue_id: int, key: str) -> int:
    count = tx.select("SELECT COUNT(*) FROM permit WHERE queue_id = ? AND concurrency_key = ?", (queue_id, key))
    return int(count[0][0])


def _limit(tx: Transaction, queue_id: int) -> int:
    return tx.catalog.queues[queue_id].queue.limits.per_concurrency_key
