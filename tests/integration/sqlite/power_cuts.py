"""Cut the power under a busy SQLite store, again and again, and see what of its word it kept.

    python tests/integration/sqlite/power_cuts.py [--cuts 100] [--seed 1] [--durability durable|relaxed]

A child process works on a store with `power_cut.c` preloaded and prints each answer that it was given. It is killed at
a random moment, every write that had not been flushed is dropped, and the store is opened again on what is left: all
acknowledged jobs must be there, all acknowledged completions too, the file whole and the counts conserved.
Prints what was found; exit code 1 where an acknowledged answer was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from taskjob.model import AttemptOutcome, Phase, new_job_id
from taskjob_engine.store import JobRef, LeaseRequest, SessionOpen, SessionRef, Settlement, Submission
from taskjob_engine.stores.sqlite import SQLiteStore, connection

PAYLOAD = b'"%s"' % (b"x" * 900)
SOURCE = Path(__file__).with_name("power_cut.c")


class Told(NamedTuple):
    """What the killed processes were told: ids that they had submitted, and those that they had completed."""

    submitted: set[str]
    completed: set[str]


class Verdict(NamedTuple):
    cuts: int
    submitted: int
    completed: int
    lost: int


def compiler() -> str | None:
    return shutil.which("cc")


def build(folder: Path) -> Path:
    """The shim as a shared object."""
    shim = folder / "power_cut.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", shim, SOURCE, "-ldl", "-lpthread"], check=True, timeout=60)
    return shim


def cut_repeatedly(folder: Path, *, cuts: int, seed: int, durability: str) -> Verdict:
    """Stops at the first loss."""
    chance = random.Random(seed)
    shim, live, kept = build(folder), folder / "live", folder / "kept"
    live.mkdir()
    told = Told(set(), set())
    for cut in range(1, cuts + 1):
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(live, kept)
        _work_until_killed(shim, live, kept, told, answers=chance.randint(1, 60), durability=durability)
        shutil.rmtree(live)
        shutil.copytree(kept, live)
        lost = asyncio.run(_lost(live / "taskjob.db", told))
        if lost:
            return Verdict(cut, len(told.submitted), len(told.completed), lost)
    return Verdict(cuts, len(told.submitted), len(told.completed), 0)


def _work_until_killed(shim: Path, live: Path, kept: Path, told: Told, *, answers: int, durability: str) -> None:
    environment = {**os.environ, "LD_PRELOAD": str(shim), "POWER_CUT_LIVE": str(live), "POWER_CUT_KEPT": str(kept)}
    with subprocess.Popen(
        [sys.executable, __file__, "--work", str(live / "taskjob.db"), "--durability", durability],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        with contextlib.closing(child.stdout) as lines:
            # The kill comes while later calls are in flight; what was printed before it was told.
            for _ in range(answers):
                _note(lines.readline(), told)
            child.kill()
            for line in lines:
                _note(line, told)
    assert child.returncode == -9, f"the worker ended by itself with {child.returncode}"


def _note(line: str, told: Told) -> None:
    verb, *ids = line.split()
    (told.submitted if verb == "submitted" else told.completed).update(ids)


async def _lost(path: Path, told: Told) -> int:
    store = SQLiteStore(path)
    await store.open()
    jobs = await store.get([JobRef(namespace="default", id=job) for job in sorted(told.submitted)])
    found = {job.id: job for job in jobs if job is not None}
    stats, scanned = await store.stats(None), await store.audit()
    await store.close()
    assert stats.queues == scanned.queues
    assert stats.conserved
    missing = told.submitted - found.keys()
    undone = {job for job in told.completed & found.keys() if found[job].phase is not Phase.COMPLETED}
    return len(missing) + len(undone)


async def work(path: Path, durability: str) -> None:
    """Submit, lease and complete for ever, telling each answer on a line of its own."""
    connection.WAL_PAGES = 40  # checkpoints come within every life, so that cuts fall into them too
    store = SQLiteStore(path, durability=durability)
    await store.open()
    await asyncio.gather(*(_worker(store, at) for at in range(3)))


async def _worker(store: SQLiteStore, at: int) -> None:
    ref = SessionRef(session=new_job_id(), epoch=1, principal="worker")
    await store.session_open(
        SessionOpen(
            session=ref.session,
            principal=ref.principal,
            worker=f"worker-{at}",
            namespace="default",
            queues=("default",),
            tasks=("work",),
            slots=10,
            carrier="tcp",
            ttl_seconds=60.0,
        )
    )
    while True:
        jobs = [
            Submission(id=new_job_id(), namespace="default", queue="default", task="work", payload=PAYLOAD)
            for _ in range(7)
        ]
        submitted = await store.submit(jobs, create_queues=True)
        print("submitted", *(verdict.id for verdict in submitted), flush=True)
        [leased] = await store.lease([LeaseRequest(ref=ref, n=5)])
        ends = [
            Settlement(
                job=grant.job,
                lease=grant.lease,
                session=ref.session,
                principal=ref.principal,
                outcome=AttemptOutcome.COMPLETED,
                result=b'"done"',
            )
            for grant in leased.grants
        ]
        settled = await store.settle(ends)
        done = [end.job for end, verdict in zip(ends, settled, strict=True) if verdict.verdict == "accepted"]
        print("completed", *done, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cuts", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--durability", choices=["durable", "relaxed"], default="durable")
    options.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.work:
        asyncio.run(work(chosen.work, chosen.durability))
    with tempfile.TemporaryDirectory(prefix="power-cuts-", dir=Path.cwd()) as folder:
        verdict = cut_repeatedly(Path(folder), cuts=chosen.cuts, seed=chosen.seed, durability=chosen.durability)
    print(
        f"seed {chosen.seed}, {chosen.durability}: {verdict.cuts} power cuts, {verdict.submitted} jobs acknowledged,"
        f" {verdict.completed} completions acknowledged, {verdict.lost} acknowledged answers lost"
    )
    sys.exit(1 if verdict.lost else 0)


if __name__ == "__main__":
    main()
