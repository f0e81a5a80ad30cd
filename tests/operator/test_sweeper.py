"""The sweep: what it takes for gone, and whose jobs it looks after."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from operator_jobs import AT, CLUSTER, record
from operator_parts import Parts
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob.model import Owner
from taskjob.wire import operator_messages as wire
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.metrics import Metrics
from taskjob_operator.sweep.brake import Brake
from taskjob_operator.sweep.sweeper import Sweeper

DONE = {"phase": "Completed", "reason": "Completed", "observedGeneration": 1, "run": 0, "revision": 3}


class Api:
    def __init__(self) -> None:
        self.jobs: list[wire.OwnedJob] = []
        self.disowned: list[str] = []
        self.sweeps = 0

    def owns(self, namespace: str, uid: str) -> None:
        owner = Owner(cluster_id=CLUSTER, namespace=namespace, name=uid, uid=uid)
        self.jobs.append(wire.OwnedJob(job=f"job-of-{uid}", owner=owner, created_at=AT))

    async def owned(self, _: wire.ReadOwned) -> wire.OwnedJobs:
        return wire.OwnedJobs(now=AT, jobs=tuple(self.jobs))

    async def disown(self, jobs: Sequence[wire.DisownedJob]) -> wire.JobsDisowned:
        self.disowned.extend(one.owner.uid for one in jobs)
        return wire.JobsDisowned(outcomes=("cancelled",) * len(jobs))

    async def report_orphans(self, _: wire.ReportOrphans) -> wire.OrphansReported:
        """The first sweep ends with it."""
        self.sweeps += 1
        return wire.OrphansReported(confirmed=False)


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def parts(kube: KubeClient, api: Api) -> Parts:
    return Parts(kube, api)


def sweeper(kube: KubeClient, api: Api, parts: Parts, *namespaces: str) -> Sweeper:
    return Sweeper(
        door=api,  # type: ignore[arg-type]
        kube=kube,
        index=parts.index,
        departures=parts.departures,
        predecessors=parts.predecessors,
        metrics=Metrics(),
        brake=Brake(),
        namespaces=namespaces,
        every_seconds=600,
        confirm_seconds=0,
    )


async def test_only_jobs_of_namespaces_that_are_served_are_looked_after(
    cluster: ScriptedCluster, kube: KubeClient, api: Api, parts: Parts
) -> None:
    """Nothing is known of the others: their TaskJobs are in no list."""
    cluster.put("taskjobs", "media", "there", metadata={"uid": "there"}, spec={})
    parts.index.add(record("there", "there"))
    for namespace, uid in (("media", "there"), ("media", "gone"), ("elsewhere", "unknown")):
        api.owns(namespace, uid)

    async with running(sweeper(kube, api, parts, "media").run(), parts.departures.run()):
        await until(lambda: api.sweeps and api.disowned, "a sweep")

    assert ["gone"] == api.disowned


async def test_finished_taskjobs_that_went_away_unseen_are_forgotten(
    cluster: ScriptedCluster, kube: KubeClient, api: Api, parts: Parts
) -> None:
    for name in ("there", "gone"):
        parts.index.add(record(name, name, status=DONE))
    cluster.put("taskjobs", "media", "there", metadata={"uid": "there"}, spec={})

    async with running(sweeper(kube, api, parts).run(), parts.departures.run()):
        await until(lambda: len(parts.index) == 1, "it is forgotten")

    assert parts.index.get("there") is not None
    assert 1 == cluster.calls.count("get taskjobs")
