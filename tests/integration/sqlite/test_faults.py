"""Disk full, a lock held by a stranger, a commit that breaks, a damaged page: told as what it is, and survived."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from neighbours import process_running, small_disk
from sqlite_crew import Crew, job

from taskjob.errors import OutcomeUnknownError, UnavailableError
from taskjob_engine.store import JobFilter
from taskjob_engine.stores.sqlite import SQLiteStore, connection, readers, writer

DEFAULT = JobFilter(namespace="default")

HOLD_IT = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "4m") as folder:
        yield folder


async def fill(store: SQLiteStore, payload: bytes) -> tuple[int, str]:
    """Submit until the store refuses; tells how many jobs were accepted, and what it said then."""
    accepted = 0
    try:
        while True:
            await store.submit([job(payload=payload) for _ in range(20)], create_queues=True)
            accepted += 20
    except UnavailableError as error:
        return accepted, error.detail


async def conserved(store: SQLiteStore) -> bool:
    stats, scanned = await store.stats(None), await store.audit()
    return stats.conserved and stats.queues == scanned.queues


async def test_a_full_disk_refuses_writes_serves_reads_and_recovers_by_itself(disk):
    store = SQLiteStore(disk / "taskjob.db")
    await store.open()
    filler = disk / "filler"
    filler.write_bytes(b"x" * 1024 * 1024)
    accepted, said = await fill(store, b'"%s"' % (b"x" * 4_000))
    assert said == "the disk is full"
    with pytest.raises(UnavailableError, match="disk is full"):
        await store.submit([job(payload=b'"%s"' % (b"x" * 60_000)) for _ in range(20)], create_queues=True)
    assert accepted > 0
    assert await store.count(DEFAULT, limit=10_000) == accepted
    assert await conserved(store)

    filler.unlink()
    await store.submit([job()], create_queues=True)
    assert await store.count(DEFAULT, limit=10_000) == accepted + 1
    assert await conserved(store)
    await store.close()


async def test_a_stranger_s_lock_is_waited_for_then_told_then_survived(path, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.2)
    store = SQLiteStore(path)
    await store.open()
    with process_running(HOLD_IT, path):
        with pytest.raises(UnavailableError, match="locked by another program"):
            await store.submit([job()], create_queues=True)
        assert await store.count(DEFAULT, limit=10) == 0
    await store.submit([job()], create_queues=True)
    assert await store.count(DEFAULT, limit=10) == 1
    assert await conserved(store)
    await store.close()


class BrokenCommits(sqlite3.Connection):
    """COMMIT fails as a broken disk makes it fail: before or after it took effect."""

    break_after: bool | None = None

    def execute(self, sql, *values):
        if sql != "COMMIT" or self.break_after is None:
            return super().execute(sql, *values)
        after, self.break_after = self.break_after, None
        if after:
            super().execute(sql, *values)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error


@pytest.fixture
async def breakable(path, monkeypatch):
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{"factory": BrokenCommits, **k}))
    store = SQLiteStore(path)
    await store.open()
    yield store
    await store.close()


async def test_a_commit_that_broke_after_it_took_effect_is_answered_as_done(breakable):
    breakable._opened.connection.break_after = True
    [verdict] = await breakable.submit([job()], create_queues=True)
    assert verdict.outcome == "created"
    await breakable.submit([job()], create_queues=True)
    assert await breakable.count(DEFAULT, limit=10) == 2
    assert await conserved(breakable)


async def test_a_commit_that_broke_before_it_took_effect_is_answered_as_not_applied(breakable):
    breakable._opened.connection.break_after = False
    with pytest.raises(UnavailableError, match="disk failed"):
        await breakable.submit([job()], create_queues=True)
    assert await breakable.count(DEFAULT, limit=10) == 0
    await breakable.submit([job()], create_queues=True)
    assert await breakable.count(DEFAULT, limit=10) == 1
    assert await conserved(breakable)


async def test_a_commit_that_broke_and_cannot_be_read_again_is_answered_as_unknown(breakable, monkeypatch):
    def unreadable(_):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(breakable._books, "durable_seq", lambda: unreadable(None))
    breakable._opened.connection.break_after = False
    with pytest.raises(OutcomeUnknownError):
        await breakable.submit([job()], create_queues=True)


async def test_a_page_damaged_while_running_is_told_and_the_rest_goes_on(path):
    store = SQLiteStore(path)
    await store.open()
    crew = await Crew.join(store)
    ids = await crew.submit(500, payload=b'"%s"' % (b"x" * 400))
    await store.close()
    await store.open()
    seed = random.Random(5)
    with path.open("r+b") as file:
        for page in range(20, path.stat().st_size // 8192):
            file.seek(page * 8192)
            file.write(seed.randbytes(8192))
    with pytest.raises(UnavailableError, match="damaged"):
        await store.count(JobFilter(namespace="default", name="nobody"), limit=1_000)
    assert (await store.queues("default"))[0].name == "default"
    assert len(ids) == 500
    await store.close()


async def test_a_query_that_takes_too_long_is_stopped_and_holds_nobody_up(store, crew, monkeypatch):
    await crew.submit(1_000)
    monkeypatch.setattr(readers, "QUERY_SECONDS", -1.0)
    monkeypatch.setattr(readers, "_OPCODES", 10)
    with pytest.raises(UnavailableError, match="too long"):
        await store.count(DEFAULT, limit=10_000)
    await crew.submit(1)
    monkeypatch.undo()
    assert await store.count(DEFAULT, limit=10_000) == 1_001


def test_the_caps_of_a_flush_are_those_of_the_design():
    assert (writer.MOST_ITEMS, writer.MOST_BYTES) == (500, 4 * 1024 * 1024)


async def test_a_closed_loop_of_readers_and_a_writer_do_not_block_each_other(store, crew):
    async def read() -> None:
        for _ in range(20):
            await store.stats(None)

    async def write() -> None:
        for _ in range(20):
            await crew.submit(5)

    await asyncio.wait_for(asyncio.gather(read(), read(), read(), read(), read(), write()), 30)
    assert await store.count(DEFAULT, limit=1_000) == 100


async def test_a_file_that_vanishes_is_told_and_nothing_more_is_accepted(store, crew, path):
    await crew.submit(1)
    hidden = path.with_name("hidden.db")
    path.rename(hidden)
    with pytest.raises(UnavailableError, match="file is gone"):
        await store.submit([job()], create_queues=True)
    hidden.rename(path)
    await crew.submit(1)
    assert await store.count(DEFAULT, limit=10) == 2
