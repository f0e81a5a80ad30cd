"""Lease latency of the store with 1,000 and with 1,000,000 queued jobs, in a realistic backlog:
10 queues (2 paused), 5 priorities, jobs blocked behind one concurrency key, delayed ones, unknown tasks."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from table import Row

from taskjob.model import AttemptOutcome, new_job_id
from taskjob_engine.store import (
    LeaseRequest,
    QueueChange,
    Renewal,
    SessionOpen,
    SessionRef,
    Settlement,
    Submission,
)
from taskjob_engine.stores.sqlite import SQLiteStore


def _documents(queued: int) -> list[Submission]:
    later = (int(time.time()) + 86_400) * 1_000_000
    jobs = []
    for index in range(queued):
        shape = index % 10
        jobs.append(
            Submission(
                id=new_job_id(),
                namespace="default",
                queue=f"q{index % 10}",
                task="bench.unknown" if shape == 3 else "bench.noop",
                priority=(index // 10) % 5,
                concurrency_key="one" if shape in {4, 5} else None,
                start_after=later if shape == 6 else None,
            )
        )
    return jobs


async def _lease_spans(folder: Path, queued: int, rounds: int) -> tuple[list[float], dict[str, str]]:
    store = SQLiteStore(str(folder / "lease.db"))
    info = await store.open()
    for number in range(10):
        await store.put_queue(QueueChange(namespace="default", name=f"q{number}", paused=number in {8, 9}))
    jobs = _documents(queued)
    for start in range(0, queued, 1000):
        await store.submit(jobs[start : start + 1000], create_queues=True)
    ref = SessionRef(session="bench", epoch=1, principal="bench")
    await store.session_open(
        SessionOpen(
            session="bench",
            principal="bench",
            worker="bench",
            namespace="default",
            queues=tuple(f"q{number}" for number in range(10)),
            tasks=("bench.noop",),
            slots=10,
            carrier="tcp",
            ttl_seconds=60,
        )
    )
    spans = []
    for number in range(rounds):
        if number % 50 == 0:
            await store.session_renew([Renewal(ref=ref, ttl_seconds=60)])
        begun = time.perf_counter()
        (leased,) = await store.lease([LeaseRequest(ref=ref, n=1)])
        spans.append(time.perf_counter() - begun)
        await store.settle(
            [
                Settlement(
                    job=grant.job,
                    lease=grant.lease,
                    session="bench",
                    principal="bench",
                    outcome=AttemptOutcome.COMPLETED,
                )
                for grant in leased.grants
            ]
        )
    await store.close()
    return sorted(spans), info.settings


def measure(folder: Path, *, many: int, rounds: int = 300) -> Row:
    figures = {}
    for queued in (1000, many):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            spans, settings = asyncio.run(_lease_spans(Path(own), queued, rounds))
        figures[queued] = spans[int(len(spans) * 0.99) - 1] * 1000
    note = f"floor: 1,000 queued; {rounds} leases; {', '.join(f'{k}={v}' for k, v in settings.items())}"
    return Row(
        f"lease p99, {many:,} queued",
        "ms",
        figures[many],
        figures[1000],
        target=2 * figures[1000],
        better="lower",
        note=note,
    )
