"""What is done to the processes of a release, each with its time. A pod that was hurt is known by its name."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

from api_server import MERGE, ApiServer, pods
from kube_cluster import CommandFailed
from objects import QUEUE
from release import Release

LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/taskjob-operator"
PATIENCE_SECONDS = 60.0
THAW_AFTER_SECONDS = 14.0
"""Longer than a Lease lasts, shorter than the kubelet's patience with a process that does not answer its probe."""


@dataclass
class Fault:
    at: float
    role: str
    target: str
    action: str
    ended_at: float = 0.0


@dataclass
class Harm:
    release: Release
    server: ApiServer
    dice: random.Random
    engine: bool
    """Processes in the nodes can be reached."""
    faults: list[Fault] = field(default_factory=list)

    def log(self, role: str, target: str, action: str) -> Fault:
        fault = Fault(time.time(), role, target, action)
        self.faults.append(fault)
        print(f"{fault.at:.3f} {role} {action} {target}", flush=True)
        return fault

    async def kill(self, role: str) -> None:
        """One running pod of the role: asked to go, deleted by force, or its first process killed in its container."""
        pod = await self.running(role)
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        ways = ["force", "force", "grace"]
        if self.engine and _restarts(pod) == 0:
            ways += ["SIGKILL", "SIGKILL"]  # a second one would only try the kubelet's back-off
        way = self.dice.choice(ways)
        fault = self.log(role, name, way)
        if way == "SIGKILL":
            await self.signal(pod, "KILL")
        else:
            options = {"gracePeriodSeconds": 0} if way == "force" else {}
            await self.server.call("DELETE", pods(namespace, name), options)
        fault.ended_at = time.time()

    async def running(self, role: str) -> dict[str, Any]:
        """One of the role's pods, of the operators preferably the one that leads. Waits for one that runs."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            found = [pod for pod in await self.all("operator" if role == "leader" else role) if _runs(pod)]
            if role == "leader" or (role == "operator" and self.dice.random() < 0.8):
                leader = await self.leader()
                led = [pod for pod in found if leader.startswith(pod["metadata"]["name"])]
                found = led if role == "leader" else led or found
            if found:
                return self.dice.choice(sorted(found, key=lambda pod: str(pod["metadata"]["name"])))
            await asyncio.sleep(0.5)
        raise TimeoutError(f"no {role} ran within {PATIENCE_SECONDS:g} s")

    async def all(self, role: str) -> list[dict[str, Any]]:
        if role == "worker":
            namespace, selector = self.release.workers, f"taskjob.dev/queue={QUEUE}"
        else:
            namespace = self.release.system
            selector = f"app.kubernetes.io/component={role},app.kubernetes.io/instance={self.release.name}"
        found: list[dict[str, Any]] = (await self.server.get(pods(namespace), labelSelector=selector))["items"]
        return found

    async def leader(self) -> str:
        reply = await self.server.call("GET", LEASE.format(self.release.system))
        return str(reply.json().get("spec", {}).get("holderIdentity") or "") if reply.status_code == 200 else ""

    async def signal(self, pod: dict[str, Any], signal: str) -> None:
        """To the first process of the pod's container, from outside of it, as the kernel does."""
        container = pod["status"]["containerStatuses"][0]["containerID"].partition("//")[2]
        node, docker = pod["spec"]["nodeName"], self.release.cluster.docker
        tasks = await asyncio.to_thread(docker, "exec", node, "ctr", "-n", "k8s.io", "task", "ls")
        pids = [line.split()[1] for line in tasks.splitlines() if line.split()[0] == container]
        with contextlib.suppress(CommandFailed):  # it has just ended
            for pid in pids:
                await asyncio.to_thread(docker, "exec", node, "kill", f"-{signal}", pid)

    async def thaw(self) -> None:
        """The leading operator stops in its tracks, another leads, and the first goes on where it was."""
        pod = await self.running("leader")
        fault = self.log("leader", pod["metadata"]["name"], "SIGSTOP")
        await self.signal(pod, "STOP")
        await asyncio.sleep(THAW_AFTER_SECONDS)
        await self.signal(pod, "CONT")
        fault.ended_at = time.time()

    async def restart_api_server(self) -> None:
        """The process of a static pod; its kubelet starts it again."""
        listed = await self.server.get(pods("kube-system"), labelSelector="component=kube-apiserver")
        fault = self.log("api-server", listed["items"][0]["metadata"]["name"], "SIGKILL")
        await self.signal(listed["items"][0], "KILL")
        await asyncio.sleep(1)
        await self.server.call("GET", "/readyz")
        fault.ended_at = time.time()

    async def scale_operators(self, replicas: int) -> None:
        path = f"/apis/apps/v1/namespaces/{self.release.system}/deployments/{self.release.name}-operator"
        await self.server.call("PATCH", path, {"spec": {"replicas": replicas}}, headers=MERGE)
        end = time.monotonic() + PATIENCE_SECONDS
        while not replicas and await self.all("operator"):
            if time.monotonic() > end:
                raise TimeoutError("operators did not go")
            await asyncio.sleep(0.5)


def _runs(pod: dict[str, Any]) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    return "running" in statuses[0].get("state", {}) and "deletionTimestamp" not in pod["metadata"]


def _restarts(pod: dict[str, Any]) -> int:
    return int(pod["status"]["containerStatuses"][0]["restartCount"])
