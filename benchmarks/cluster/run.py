"""`make bench-cluster`: TaskJobs on warm workers beside plain Jobs, on the cluster of the current kubeconfig.

    python benchmarks/cluster/run.py --image IMAGE [--quick] [--only NAME ...]

TaskJob is installed there already, with the namespace taskjob-bench open to workers; IMAGE is any that holds TaskJob.
Both kinds of job run the same no-op from that image, present on the nodes. The ratios are the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import burst
import latency
import operator_memory
import recovery
from api_server import ApiServer
from objects import CONFIG_MAPS, JOBS, NAMESPACE, QUEUE, TASKJOBS, TASKQUEUES, queue, tasks
from table import Row, render

WORKERS = 2
CONCURRENCY = 10


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig")
    parser.add_argument("--image", required=True, help="one that holds TaskJob, present on the nodes")
    parser.add_argument("--release", default="taskjob")
    parser.add_argument("--release-namespace", default="taskjob-system")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: a smoke test, not a figure")
    parser.add_argument("--only", nargs="*", default=[], help="latency, burst, recovery, operator_memory")
    return parser.parse_args()


async def main(chosen: argparse.Namespace) -> None:
    part = 10 if chosen.quick else 1
    async with ApiServer(chosen.kubeconfig) as server:
        await _prepare(server, chosen.image)
        measures: dict[str, Callable[[], Awaitable[list[Row]]]] = {
            "latency": lambda: latency.measure(server, chosen.image, number=500 // part, plain=max(10 // part, 3)),
            "burst": lambda: burst.measure(server, chosen.image, number=1000 // part, plain=60 // part),
            "recovery": lambda: recovery.measure(server, kills=20 // part, workers=WORKERS),
            "operator_memory": lambda: operator_memory.measure(
                server,
                release=chosen.release,
                release_namespace=chosen.release_namespace,
                number=10_000 // part,
            ),
        }
        rows: list[Row] = []
        for name in chosen.only or measures:
            rows += await measures[name]()
            print(f"… {name} measured", file=sys.stderr)
        version = await server.call("GET", "/version")
        nodes = await server.call("GET", "/api/v1/nodes")
        print(f"Kubernetes {version['gitVersion']}, {len(nodes['items'])} nodes, kernel {platform.release()}")
        print(f"{WORKERS} worker pods of {CONCURRENCY}; the embedded store, durable")
        print(render(rows))
        await server.call("DELETE", f"{TASKQUEUES}/{QUEUE}")


async def _prepare(server: ApiServer, image: str) -> None:
    """A fresh queue with warm workers in the namespace, which the chart has opened to workers."""
    if not await server.call("GET", f"/api/v1/namespaces/{NAMESPACE}", missing_ok=True):
        raise SystemExit(f"make the namespace {NAMESPACE} and install the chart with workerNamespaces={{{NAMESPACE}}}")
    for path in (TASKJOBS, JOBS):
        await server.call("DELETE", f"{path}?propagationPolicy=Background")
    await server.call("DELETE", f"{TASKQUEUES}/{QUEUE}", missing_ok=True)
    await server.call("DELETE", f"{CONFIG_MAPS}/bench-tasks", missing_ok=True)
    async with asyncio.timeout(120):
        while (await server.call("GET", f"{TASKJOBS}?limit=1"))["items"]:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(1)
    await server.call("POST", CONFIG_MAPS, tasks())
    await server.call("POST", TASKQUEUES, queue(image, replicas=WORKERS, concurrency=CONCURRENCY))
    async with asyncio.timeout(180):
        while await recovery.ready_workers(server) < WORKERS:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main(options()))
