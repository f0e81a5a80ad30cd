"""The ledger is folded while it grows, and its sums stay what a scan of the tables says."""

from __future__ import annotations

import sqlite3

from sqlite_crew import Crew, job

from taskjob.model import QueueLimits
from taskjob_engine.store import QueueChange
from taskjob_engine.stores.sqlite import SQLiteStore, ledger


async def counts(store: SQLiteStore):
    stats, scanned = await store.stats(None), await store.audit()
    assert stats.conserved
    assert stats.queues == scanned.queues
    return stats.queues


def unfolded(path) -> int:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT COUNT(*) FROM ledger").fetchone()[0]
    finally:
        connection.close()


async def test_g7_the_folded_ledger_equals_the_tables_and_survives_a_restart(path, monkeypatch):
    monkeypatch.setattr(ledger, "_FOLD_AFTER", 5)
    store = SQLiteStore(path)
    await store.open()
    crew = await Crew.join(store)
    most = 0
    for number in range(20):
        await store.submit([job(queue=f"queue-{number % 3}"), job()], create_queues=True)
        if number % 2:
            await crew.complete(await crew.lease(1))
        most = max(most, unfolded(path))
        assert sum(queue.accepted for queue in await counts(store)) == 2 * (number + 1)
    before = await counts(store)
    await store.close()
    assert most <= 5 + 4

    await store.open()
    assert await counts(store) == before
    await store.put_queue(QueueChange(namespace="default", name="default", limits=QueueLimits(max_live_jobs=11)))
    verdicts = await store.submit([job(), job()], create_queues=True)
    assert [verdict.outcome for verdict in verdicts] == ["created", "rejected"]
    await store.close()
