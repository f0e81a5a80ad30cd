"""The watch of worker pods and Deployments: whose end was missed is told from the list, by uid."""

from __future__ import annotations

import time
from typing import Any

import pytest
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.queues.cluster import PODS
from taskjob_operator.queues.namespaced import NamespacedWatch

NS = "media"


async def test_an_end_that_was_missed_is_told_once_and_of_that_object_alone(
    cluster: ScriptedCluster, kube: KubeClient
) -> None:
    seen: list[tuple[str, bool]] = []

    def observe(found: dict[str, Any], gone: bool) -> None:
        seen.append((found["metadata"]["uid"], gone))

    for name in ("first", "second", "third"):
        cluster.put("pods", NS, name, metadata={"uid": name})
    async with running(NamespacedWatch(kube, PODS, NS, observe).run()):
        await until(lambda: len(seen) == 3, "the list")
        cluster.delete(NS, "second", plural="pods")
        await until(lambda: ("second", True) in seen, "an end that is told")
        del seen[:]

        cluster.delete(NS, "first", plural="pods", unseen=True)
        cluster.break_watches("pods", 410)
        await until(lambda: ("third", False) in seen, "a new list")

    assert [("first", True), ("third", False)] == seen


@pytest.mark.parametrize("status", [410, 500])
async def test_a_watch_that_is_refused_again_and_again_is_asked_for_ever_less_often(
    cluster: ScriptedCluster, kube: KubeClient, status: int
) -> None:
    cluster.fail("watch pods", status, times=1000)
    began = time.monotonic()

    async with running(NamespacedWatch(kube, PODS, NS, lambda _found, _gone: None).run()):
        await until(lambda: cluster.calls.count("watch pods") >= 5, "refusals")

    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2 + 0.4
