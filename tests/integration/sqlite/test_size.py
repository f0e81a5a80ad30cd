"""File and WAL stay bounded under churn, and a back-up is taken while it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from clocks import ManualClock
from sqlite_crew import Crew

from taskjob_engine.store import JobFilter
from taskjob_engine.stores.sqlite import SQLiteStore, books, connection

ROUNDS, JOBS = 24, 500
PAYLOAD = b'"%s"' % (b"x" * 1_000)


async def churn(store: SQLiteStore, crew: Crew, clock: ManualClock) -> None:
    await crew.submit(JOBS, payload=PAYLOAD, ttl_seconds_after_finished=1)
    assert await crew.complete(await crew.lease(JOBS), result=PAYLOAD) == ["accepted"] * JOBS
    clock.advance(2)
    pruned = await store.prune(JOBS)
    await store.prune(JOBS, [garbage.id for garbage in pruned.garbage])
    assert pruned.jobs == JOBS


async def test_the_file_and_its_wal_stay_bounded_under_churn(path, monkeypatch):
    monkeypatch.setattr(connection, "WAL_PAGES", 100)
    clock = ManualClock()
    store = SQLiteStore(path, clock=clock)
    await store.open()
    crew = await Crew.join(store)
    for _ in range(4):
        await churn(store, crew, clock)
    settled = path.stat().st_size
    wal = path.with_name("taskjob.db-wal")
    largest = 0
    for _ in range(ROUNDS - 4):
        await churn(store, crew, clock)
        largest = max(largest, wal.stat().st_size)
    stats = await store.stats(None)
    await store.close()
    assert stats.conserved
    assert stats.queues[0].purged == ROUNDS * JOBS
    assert path.stat().st_size <= settled * 1.25
    assert largest < 12 * 1024 * 1024


async def test_a_wal_that_readers_kept_growing_is_cut_back(path, monkeypatch):
    monkeypatch.setattr(books, "WAL_BYTES", 1_000_000)
    monkeypatch.setattr(books, "_WAL_LOOK_EVERY", 1)
    monkeypatch.setattr(connection, "WAL_PAGES", 1_000_000)
    store = SQLiteStore(path)
    await store.open()
    crew = await Crew.join(store)
    sizes = []
    for _ in range(8):
        await crew.submit(500, payload=PAYLOAD)
        sizes.append(path.with_name("taskjob.db-wal").stat().st_size)
    await store.close()
    assert min(sizes[1:]) < 1_000_000


def back_up(path: Path, target: Path) -> None:
    """As docs/operations.md says: any program that speaks SQLite can ask for a consistent copy."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


async def test_a_backup_taken_while_jobs_run_opens_and_is_conserved(store, path, crew, tmp_path: Path):
    async def keep_busy() -> None:
        for _ in range(15):
            await crew.submit(50)
            await crew.complete(await crew.lease(40))

    await crew.submit(100)
    target = tmp_path / "copy" / "backup.db"
    target.parent.mkdir()
    _, _ = await asyncio.gather(keep_busy(), asyncio.to_thread(back_up, path, target))
    copy = SQLiteStore(target)
    info = await copy.open()
    stats, scanned = await copy.stats(None), await copy.audit()
    page = await copy.jobs(JobFilter(namespace="default"), limit=10)
    await copy.close()
    assert info.incarnation == store.standing().incarnation
    assert stats.conserved
    assert stats.queues == scanned.queues
    assert stats.queues[0].accepted >= 100
    assert len(page.jobs) == 10


async def test_a_restored_backup_is_found_by_its_witness_and_voids_its_leases(store, path, crew, tmp_path):
    await crew.submit(1)
    [grant] = await crew.lease(1)
    back_up(path, tmp_path / "backup.db")
    await crew.submit(1)
    seen = store.standing()
    key = store.witness_key()
    restored = SQLiteStore(tmp_path / "backup.db")
    await restored.open()
    assert restored.witness_key() == key
    standing = await restored.witness(seen.incarnation, seen.seq)
    verdicts = await Crew(restored, crew.ref).complete((grant,))
    await restored.close()
    assert standing.rolled_back
    assert standing.incarnation != seen.incarnation
    assert verdicts == ["stale"]
