"""Faults of whole nodes: drained and given back, stopped and started."""

from __future__ import annotations

import asyncio
import time

from api_server import MERGE, pods
from harm import Harm

CORDON = "/api/v1/nodes/{}"
EVICT_SECONDS = 60.0
AWAY_SECONDS = 10.0


async def drain(harm: Harm) -> None:
    """As `kubectl drain` does, but of this run's pods alone: no new ones, those that are there evicted, and back."""
    node = await _node(harm)
    fault = harm.log("node", node, "drain")
    await harm.server.call("PATCH", CORDON.format(node), {"spec": {"unschedulable": True}}, headers=MERGE)
    try:
        end = time.monotonic() + EVICT_SECONDS
        while names := await _of(harm, node):
            for namespace, name in names:
                document = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
                # 429: a disruption budget says not yet
                await harm.server.http.post(f"{pods(namespace, name)}/eviction", json=document)
            if time.monotonic() > end:
                raise TimeoutError(f"{names} were not evicted within {EVICT_SECONDS:g} s")
            await asyncio.sleep(1)
        await asyncio.sleep(AWAY_SECONDS)
    finally:
        await harm.server.call("PATCH", CORDON.format(node), {"spec": {"unschedulable": False}}, headers=MERGE)
        fault.ended_at = time.time()


async def stop(harm: Harm) -> None:
    """The node is gone for a while, with all that runs on it, and comes back."""
    node = await _node(harm)
    fault = harm.log("node", node, "stop")
    await _of(harm, node)
    await asyncio.to_thread(harm.release.cluster.docker, "stop", "--time=0", node)
    await asyncio.sleep(AWAY_SECONDS * 2)
    await asyncio.to_thread(harm.release.cluster.docker, "start", node)
    fault.ended_at = time.time()


async def _node(harm: Harm) -> str:
    """One that runs a worker."""
    found = {pod["spec"].get("nodeName", "") for pod in await harm.all("worker")} - {""}
    return harm.dice.choice(sorted(found))


async def _of(harm: Harm, node: str) -> list[tuple[str, str]]:
    """The run's pods there, the recorder excepted; each is logged as hurt."""
    found = []
    known = {fault.target for fault in harm.faults if fault.role == "on-node"}
    for role in ("worker", "operator", "api"):
        for pod in await harm.all(role):
            if pod["spec"].get("nodeName") == node:
                name = pod["metadata"]["name"]
                found.append((pod["metadata"]["namespace"], name))
                if name not in known:
                    harm.log("on-node", name, node)
    return found
