"""The verb `prune`, and the one way to delete a terminal job: counted as purged, its key kept for its time."""

from __future__ import annotations

from collections.abc import Sequence

from taskjob_engine.policies.resolve import key_expires_at
from taskjob_engine.store import Garbage, Pruned
from taskjob_engine.stores.sqlite import bodies
from taskjob_engine.stores.sqlite.bulk import insert_rows
from taskjob_engine.stores.sqlite.ledger import PURGED
from taskjob_engine.stores.sqlite.rows import Loaded, json_text
from taskjob_engine.stores.sqlite.session_rows import CLOSED_KEPT
from taskjob_engine.stores.sqlite.transaction import Transaction

_HAS_ATTEMPTS = """
SELECT wanted.value FROM json_each(?) AS wanted
WHERE EXISTS (SELECT 1 FROM attempt WHERE job_pk = wanted.value)
    OR EXISTS (SELECT 1 FROM job WHERE pk = wanted.value AND lease_id IS NOT NULL)
"""
_FORGET_GARBAGE = "DELETE FROM garbage WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"


def prune(tx: Transaction, limit: int, swept: Sequence[str]) -> Pruned:
    if swept:
        tx.connection.execute(_FORGET_GARBAGE, (json_text(swept),))
    found = tx.select("SELECT pk FROM job WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", (tx.now, limit + 1))
    old = [row[0] for row in found]
    remove(tx, tx.load_pks(old[:limit]))
    keys = tx.select(
        "SELECT namespace, key FROM idempotency_key WHERE expires_at <= ? ORDER BY expires_at LIMIT ?",
        (tx.now, limit + 1),
    )
    tx.connection.executemany("DELETE FROM idempotency_key WHERE namespace = ? AND key = ?", keys[:limit])
    tx.connection.execute(
        "DELETE FROM session WHERE closed AND closed_at <= ?"
        " AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'leased' AND job.session = session.id)",
        (tx.now - CLOSED_KEPT,),
    )
    garbage = tx.select("SELECT id, prefix FROM garbage ORDER BY id LIMIT ?", (limit,))
    return Pruned(
        jobs=min(limit, len(old)),
        keys=min(limit, len(keys)),
        garbage=tuple(Garbage(id=str(number), prefix=prefix) for number, prefix in garbage),
        more=len(old) > limit or len(keys) > limit,
    )


def remove(tx: Transaction, jobs: Sequence[Loaded]) -> None:
    if not jobs:
        return
    tx.flush_rows()
    for loaded in jobs:
        job = loaded.job
        tx.deltas.of(loaded.queue_id)[PURGED] += 1
        tx.deltas.move((loaded.queue_id, loaded.task_id), job.state, None)
        if loaded.owner is not None:
            tx.mark_dirty(job.id, loaded.owner)
    _keep_keys(tx, jobs)
    pks = json_text([loaded.pk for loaded in jobs])
    attempted = {row[0] for row in tx.select(_HAS_ATTEMPTS, (pks,))}
    prefixes = [(f"{loaded.job.namespace}/{loaded.job.id}",) for loaded in jobs if loaded.pk in attempted]
    insert_rows(tx.connection, "garbage", ("prefix",), prefixes)
    bodies.delete(tx.connection, [loaded.pk for loaded in jobs])
    for table in ("attempt", "rerun_request"):
        tx.connection.execute(f"DELETE FROM {table} WHERE job_pk IN (SELECT value FROM json_each(?))", (pks,))  # noqa: S608 - our own names
    tx.connection.execute("DELETE FROM job WHERE pk IN (SELECT value FROM json_each(?))", (pks,))


def _keep_keys(tx: Transaction, jobs: Sequence[Loaded]) -> None:
    tx.connection.executemany(
        "UPDATE idempotency_key SET expires_at = ? "
        "WHERE namespace = ? AND key = ? AND job_id = ?",  # no fence: the id is unique; the rest finds the row
        [
            (
                key_expires_at(loaded.job.finished_at, loaded.job.expires_at),
                loaded.job.namespace,
                loaded.idempotency_key,
                loaded.job.id,
            )
            for loaded in jobs
            if loaded.idempotency_key is not None
        ],
    )
