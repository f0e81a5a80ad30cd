"""Many at once: from the first create to the last Completed, beside plain Jobs; and what it cost the API server."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from typing import Any

from api_server import ApiServer
from objects import JOBS, TASKJOBS, job, taskjob
from table import Row

IN_FLIGHT = 16
_WRITES = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)


async def measure(server: ApiServer, image: str, *, number: int, plain: int) -> list[Row]:
    before = await status_writes(server)
    ours, changes = await run_burst(server, TASKJOBS, lambda i: taskjob(f"burst-{i}"), number)
    writes = await status_writes(server) - before
    theirs, _ = await run_burst(server, JOBS, lambda i: job(f"burst-{i}", image), plain)
    note = f"{number} TaskJobs, {plain} Jobs"
    return [
        Row("burst, end to end", "/s", ours, peers={"plain Job": theirs}, target=60, note=f"{note}; aim 150"),
        Row("burst, against plain Jobs", "x", ours / theirs, target=25),
        Row(
            "status writes per TaskJob in the burst",
            "",
            writes / number,
            target=2,
            better="lower",
            note=f"counted at the API server; the watch saw {changes / number:.2f} changes",
        ),
    ]


async def status_writes(server: ApiServer) -> float:
    """Accepted status writes of TaskJobs since the API server began, by its own count."""
    metrics = await server.text("GET", "/metrics")
    return sum(
        float(count)
        for labels, count in _WRITES.findall(metrics)
        if 'resource="taskjobs"' in labels and 'subresource="status"' in labels and 'code="200"' in labels
    )


async def run_burst(server: ApiServer, path: str, make: Callable[[int], Any], number: int) -> tuple[float, int]:
    """Finished ones a second, and changes that a watch saw."""
    documents = [make(index) for index in range(number)]
    room = asyncio.Semaphore(IN_FLIGHT)

    async def create(document: Any) -> None:
        async with room:
            await server.call("POST", path, document)

    async with server.watching(path) as seen:
        begun = time.perf_counter()
        await asyncio.gather(*map(create, documents))
        names = {document["metadata"]["name"] for document in documents}
        await seen.until_finished(names, 600)
        last = max(seen.finished_at[name] for name in names)
        changes = sum(seen.changes.get(name, 0) for name in names)
    return number / (last - begun), changes
