"""Ten thousand finished TaskJobs: what the operator holds, and what a restart costs."""

from __future__ import annotations

import asyncio
import time

from api_server import ApiServer
from burst import run_burst, status_writes
from kubectl import kubectl, pss_megabytes
from objects import TASKJOBS, taskjob
from table import Row


async def measure(server: ApiServer, *, release: str, release_namespace: str, number: int) -> list[Row]:
    present = await _finished(server)
    if present < number:
        await run_burst(server, TASKJOBS, lambda i: taskjob(f"kept-{i}"), number - present)
    await asyncio.sleep(15)  # the last writes and their echoes
    held = await pss_megabytes(release_namespace, await _pod(release, release_namespace))
    before = await status_writes(server)
    seconds = await _restart(release, release_namespace)
    await asyncio.sleep(15)
    writes = await status_writes(server) - before
    restarted = await pss_megabytes(release_namespace, await _pod(release, release_namespace))
    kept = f"{number:,} finished TaskJobs"
    return [
        Row(f"operator with {kept}", "MB PSS", held, target=150, better="lower"),
        Row("the same after a restart", "MB PSS", restarted, target=150, better="lower"),
        Row("killed → steady", "s", seconds, target=20, better="lower"),
        Row("status writes of that restart", "", writes, target=10, better="lower"),
    ]


async def _finished(server: ApiServer) -> int:
    listed = await server.call("GET", f"{TASKJOBS}?limit=1&fieldSelector=status.phase%3DCompleted")
    return len(listed["items"]) + int(listed["metadata"].get("remainingItemCount", 0))


async def _pod(release: str, namespace: str) -> str:
    selector = f"app.kubernetes.io/instance={release},app.kubernetes.io/component=operator"
    template = "{.items[?(@.status.phase=='Running')].metadata.name}"
    pods = await kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", f"jsonpath={template}")
    return pods.split()[0]


async def _restart(release: str, namespace: str) -> float:
    """From the kill to a new pod that is Ready: it leads, has listed everything, and has nothing left to do."""
    pod = await _pod(release, namespace)
    begun = time.perf_counter()
    await kubectl("delete", "pod", "-n", namespace, pod, "--grace-period=0", "--force")
    await kubectl("rollout", "status", "-n", namespace, f"deployment/{release}-operator", "--timeout=100s")
    return time.perf_counter() - begun
