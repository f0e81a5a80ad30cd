"""A worker pod is killed hard while it runs a job: how long until another worker has started that job again."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Any

from api_server import ApiServer
from kubectl import kubectl
from objects import NAMESPACE, TASKJOBS, taskjob
from table import Row


async def measure(server: ApiServer, *, kills: int) -> list[Row]:
    spans = sorted([await _one(server, index) for index in range(kills)])
    p99 = spans[min(int(len(spans) * 0.99), len(spans) - 1)]
    note = f"{kills} kills, median {spans[len(spans) // 2]:.2f} s; the last line but the worst is p99"
    return [Row("pod killed → next attempt started, p99", "s", p99, target=2, better="lower", note=note)]


async def _one(server: ApiServer, index: int) -> float:
    name = f"killed-{index}"
    await server.call("POST", TASKJOBS, taskjob(name, task="bench.linger", payload={"seconds": 30}))
    before = await _until(server, name, lambda status: status.get("phase") == "Running" and "worker" in status)
    pod = before["worker"]
    killed = time.time()
    await kubectl("delete", "pod", "-n", NAMESPACE, pod, "--grace-period=0", "--force", "--wait=false")
    after = await _until(
        server, name, lambda status: status.get("phase") == "Running" and status.get("worker") not in {None, pod}
    )
    started = dt.datetime.fromisoformat(after["startedAt"]).timestamp()
    await server.call("PATCH", f"{TASKJOBS}/{name}", {"spec": {"cancel": True}})
    await kubectl("wait", "-n", NAMESPACE, "--for=condition=Available", f"deployment/{_pool(pod)}", "--timeout=60s")
    return started - killed


async def _until(server: ApiServer, name: str, reached: Any, seconds: float = 60) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            status = (await server.call("GET", f"{TASKJOBS}/{name}")).get("status", {})
            if reached(status):
                return dict(status)
            await asyncio.sleep(0.1)


def _pool(pod: str) -> str:
    """The Deployment of a pod that a ReplicaSet named."""
    return pod.rsplit("-", 2)[0]
