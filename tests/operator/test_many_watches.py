"""Watches hold their connections for minutes: calls never wait for one of those."""

from __future__ import annotations

from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.kube.target import Connection


async def test_more_watches_than_connections_leave_the_calls_theirs(cluster: ScriptedCluster) -> None:
    """An operator with TaskQueues in more than twenty namespaces could not make a single call."""
    kube = KubeClient(Connection(server=cluster.url), connections=2)

    async def watch(namespace: str) -> None:
        async for _ in kube.lines(TASKJOBS.collection(namespace), silent_seconds=60.0, watch="1"):
            pass

    try:
        async with running(*(watch(f"ns-{number}") for number in range(5))):
            await until(lambda: cluster.calls.count("watch taskjobs") == 5, "all watches")
            await kube.get(TASKJOBS.collection("ns-1"))  # one that gets no connection fails of itself
    finally:
        await kube.close()
