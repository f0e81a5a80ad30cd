"""The SQLite store alone, beside its floor: the barest loop of the same shape on sqlite3, in the same run.

    python benchmarks/store_sqlite.py [JOBS] [RUNS]

Durable settings, read back from the connection; files in the current directory, which must not be a tmpfs.
Prints the median of RUNS interleaved runs: bulk submit (1,000 a call), and drain (settle 500, lease 500).
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from taskjob.model import AttemptOutcome, new_job_id
from taskjob_engine.store import LeaseRequest, SessionOpen, SessionRef, Settlement, Submission
from taskjob_engine.stores.sqlite import SQLiteStore
from taskjob_engine.stores.sqlite.filesystem import filesystem_type

SUBMIT, BATCH = 1_000, 500
PAYLOAD = json.dumps({"type": "demo", "value": 123, "note": "x" * 60}).encode()
REF = SessionRef(session=new_job_id(), epoch=1, principal="bench")


async def store_run(path: Path, jobs: int, figures: dict[str, list[float]]) -> dict[str, str]:
    store = SQLiteStore(path)
    info = await store.open()
    await store.session_open(
        SessionOpen(
            session=REF.session,
            principal=REF.principal,
            worker="bench-1",
            namespace="default",
            queues=("default",),
            tasks=("noop",),
            slots=BATCH,
            carrier="tcp",
            ttl_seconds=600.0,
        )
    )
    batches = [
        [
            Submission(id=new_job_id(), namespace="default", queue="default", task="noop", payload=PAYLOAD)
            for _ in range(SUBMIT)
        ]
        for _ in range(jobs // SUBMIT)
    ]
    begin = time.perf_counter()
    for batch in batches:
        await store.submit(batch, create_queues=True)
    figures["submit"].append(jobs / (time.perf_counter() - begin))

    begin = time.perf_counter()
    done = 0
    grants = (await store.lease([LeaseRequest(ref=REF, n=BATCH)]))[0].grants
    while grants:
        settled, leased = await asyncio.gather(
            store.settle(
                [
                    Settlement(
                        job=grant.job,
                        lease=grant.lease,
                        session=REF.session,
                        principal=REF.principal,
                        outcome=AttemptOutcome.COMPLETED,
                        duration_seconds=0.001,
                    )
                    for grant in grants
                ]
            ),
            store.lease([LeaseRequest(ref=REF, n=BATCH)]),
        )
        done += sum(verdict.verdict == "accepted" for verdict in settled)
        grants = leased[0].grants
    figures["drain"].append(done / (time.perf_counter() - begin))
    stats = await store.stats(None)
    assert done == jobs, (done, jobs)
    assert stats.conserved, stats
    await store.close()
    return info.settings


def floor_run(path: Path, jobs: int, figures: dict[str, list[float]]) -> None:
    """One table, one index, no attempts, no ledger, no names: what any queue on SQLite has to pay."""
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("page_size = 8192", "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 2000"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE job (pk INTEGER PRIMARY KEY, id TEXT UNIQUE, payload TEXT, state TEXT, lease TEXT)")
    db.execute("CREATE INDEX ready ON job (pk) WHERE state = 'ready'")
    text = PAYLOAD.decode()
    batches = [[(new_job_id(), text) for _ in range(SUBMIT)] for _ in range(jobs // SUBMIT)]
    begin = time.perf_counter()
    for batch in batches:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO job (id, payload, state) VALUES (?, ?, 'ready')", batch)
        db.execute("COMMIT")
    figures["submit floor"].append(jobs / (time.perf_counter() - begin))

    begin = time.perf_counter()
    rows: list[tuple[str, str]] = []
    while True:
        db.execute("BEGIN IMMEDIATE")
        lease = new_job_id()
        db.executemany(
            "UPDATE job SET state = 'completed', lease = NULL WHERE id = ? AND lease IS NOT NULL",
            [row[:1] for row in rows],
        )
        rows = db.execute("SELECT id, payload FROM job WHERE state = 'ready' ORDER BY pk LIMIT ?", (BATCH,)).fetchall()
        db.executemany("UPDATE job SET state = 'leased', lease = ? WHERE id = ?", [(lease, row[0]) for row in rows])
        db.execute("COMMIT")
        if not rows:
            break
    figures["drain floor"].append(jobs / (time.perf_counter() - begin))
    db.close()


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    figures: dict[str, list[float]] = defaultdict(list)
    settings: dict[str, str] = {}
    here = Path.cwd()
    for _ in range(runs):
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=here))
        try:
            settings = asyncio.run(store_run(folder / "store.db", jobs, figures))
            floor_run(folder / "floor.db", jobs, figures)
        finally:
            shutil.rmtree(folder)
    machine = f"Python {platform.python_version()}; {os.cpu_count()} cores"
    print(f"settings {settings}; file system {filesystem_type(here)}; {machine}")
    for name, unit in (("submit", "jobs/s, 1,000 a call"), ("drain", "jobs/s, settle 500 + lease 500")):
        store, floor = statistics.median(figures[name]), statistics.median(figures[f"{name} floor"])
        print(f"{name:>7}: {store:10,.0f} {unit}; floor {floor:10,.0f}; ratio {store / floor:.2f}")


if __name__ == "__main__":
    main()
