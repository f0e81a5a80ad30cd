"""A worker dies by SIGKILL while it runs a job: how long until another worker has started that job again.

The task kills its own worker at a time of day that it was given, so that the moment is known; client, nodes and api
share one clock (kind), and the start is the one on record.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Any

from api_server import ApiServer
from objects import QUEUE, TASKJOBS, TASKQUEUES, taskjob
from table import Row

NOTICE_SECONDS = 1.5


async def measure(server: ApiServer, *, kills: int, workers: int) -> list[Row]:
    spans = sorted([await _one(server, index, workers) for index in range(kills)])
    p99 = spans[min(int(len(spans) * 0.99), len(spans) - 1)]
    note = f"{kills} kills, median {spans[len(spans) // 2]:.2f} s"
    return [Row("worker killed → next attempt started, p99", "s", p99, target=2, better="lower", note=note)]


async def _one(server: ApiServer, index: int, workers: int) -> float:
    name = f"killed-{index}"
    at = time.time() + NOTICE_SECONDS
    await server.call("POST", TASKJOBS, taskjob(name, task="bench.die", payload={"at": at}))
    async with asyncio.timeout(90):
        status = await _status(server, name)
        while status.get("phase") != "Completed":
            await asyncio.sleep(0.2)
            status = await _status(server, name)
        while await ready_workers(server) < workers:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.5)
    if status.get("lost") != 1:
        raise SystemExit(f"{name} was to lose one worker: {status}")
    return dt.datetime.fromisoformat(status["startedAt"]).timestamp() - at


async def _status(server: ApiServer, name: str) -> dict[str, Any]:
    return dict((await server.call("GET", f"{TASKJOBS}/{name}")).get("status", {}))


async def ready_workers(server: ApiServer) -> int:
    status = (await server.call("GET", f"{TASKQUEUES}/{QUEUE}")).get("status", {})
    return int(status.get("readyReplicas", 0))
