"""create → the watch shows Completed, one job at a time, beside plain Jobs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from api_server import ApiServer
from objects import JOBS, TASKJOBS, job, taskjob
from table import Row


async def measure(server: ApiServer, image: str, *, number: int, plain: int) -> list[Row]:
    ours = await _one_by_one(server, TASKJOBS, lambda i: taskjob(f"latency-{i}"), number)
    theirs = await _one_by_one(server, JOBS, lambda i: job(f"latency-{i}", image), plain)
    median, p99 = statistics.median(ours), ours[int(len(ours) * 0.99) - 1]
    peer = statistics.median(theirs)
    note = f"{number} TaskJobs, {plain} Jobs"
    return [
        Row("create→Completed p50", "ms", median, peers={"plain Job": peer}, target=150, better="lower", note=note),
        Row("create→Completed p99", "ms", p99, target=500, better="lower"),
        Row("faster than a plain Job", "x", peer / median, target=20),
    ]


async def _one_by_one(server: ApiServer, path: str, make: Callable[[int], Any], number: int) -> list[float]:
    spans = []
    async with server.watching(path) as seen:
        for index in range(number + 1):
            document = make(index)
            name = document["metadata"]["name"]
            begun = time.perf_counter()
            await server.call("POST", path, document)
            await seen.until_finished({name}, 120)
            spans.append((seen.finished_at[name] - begun) * 1000)
    return sorted(spans[1:])  # the first one opens connections
