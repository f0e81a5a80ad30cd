"""Objects that share a name or a job: which one is meant is told from the uid, in every part that acts on one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from operator_jobs import CLUSTER, job, raw_object, record
from operator_parts import Parts
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob.model import Owner, Phase
from taskjob.wire import operator_messages as wire
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.record import Record

NS = "media"


class Api:
    """Answers at once, unless `closed`, and keeps what it was told."""

    def __init__(self) -> None:
        self.incarnation = "life-1"
        self.owner: Owner | None = None
        self.outcome: Any = "owned"
        self.disowned: list[wire.DisownedJob] = []
        self.told: list[wire.DeclaredJob] = []
        self.news: list[wire.JobsChanged] = []
        self.open = asyncio.Event()
        self.open.set()

    async def disown(self, jobs: Sequence[wire.DisownedJob]) -> wire.JobsDisowned:
        self.disowned.extend(jobs)
        await self.open.wait()
        return wire.JobsDisowned(outcomes=("cancelled",) * len(jobs))

    async def ensure(self, jobs: Sequence[wire.DeclaredJob]) -> wire.JobsEnsured:
        self.told.extend(jobs)
        one = wire.EnsuredJob(outcome=self.outcome, job=job(Phase.RUNNING, owner=self.owner))
        return wire.JobsEnsured(incarnation=self.incarnation, jobs=(one,) * len(jobs))

    async def owned(self, _: wire.ReadOwned) -> wire.OwnedJobs:
        return wire.OwnedJobs(now=0, jobs=())

    async def changes(self, request: wire.ReadChanges) -> wire.JobsChanged:
        if request.wait_seconds and not self.news:
            await asyncio.Event().wait()
        return self.news.pop(0) if self.news else wire.JobsChanged(incarnation=self.incarnation, changes=())


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def parts(kube: KubeClient, api: Api) -> Parts:
    return Parts(kube, api)


def exists(cluster: ScriptedCluster, uid: str, name: str = "cats", **fields: Any) -> None:
    cluster.put("taskjobs", NS, name, metadata={"uid": uid}, spec={"task": "resize"}, **fields)


def owner(uid: str, name: str = "cats", cluster_id: str = CLUSTER) -> Owner:
    return Owner(cluster_id=cluster_id, namespace=NS, name=name, uid=uid)


def showing(parts: Parts, uid: str, name: str, **changes: Any) -> Record:
    """A TaskJob that shows job-1."""
    one = record(name, uid, **changes)
    parts.index.add(one)
    parts.index.link(one, "job-1")
    return one


async def test_an_object_is_gone_when_a_namesake_has_its_place(cluster: ScriptedCluster, parts: Parts) -> None:
    exists(cluster, "uid-2")

    assert await parts.departures.is_gone(NS, "cats", "uid-1")
    assert not await parts.departures.is_gone(NS, "cats", "uid-2")


async def test_an_object_that_seems_gone_twice_is_looked_for_once(cluster: ScriptedCluster, parts: Parts) -> None:
    exists(cluster, "uid-1")
    parts.departures.suspect(cats := record("cats", "uid-1"))
    parts.departures.suspect(cats)

    async with running(parts.departures.run()):
        for name in ("dogs", "birds"):
            parts.departures.suspect(absent := record(name, f"uid-{name}"))
            await until(lambda absent=absent: absent.gone, "a later one is looked for")

    assert 3 == cluster.calls.count("get taskjobs")
    assert not cats.gone


async def test_a_job_passes_to_the_oldest_other_object_that_shows_it(parts: Parts, api: Api) -> None:
    for uid, name, created in (("uid-1", "first", "1"), ("uid-2", "second", "2"), ("uid-3", "third", "3")):
        showing(parts, uid, name, creationTimestamp=created)

    async with running(parts.departures.run()):
        parts.departures.disown(owner("uid-1", "first"), "job-1")
        await until(lambda: api.disowned, "it is told")

    [told] = api.disowned
    assert told.heir is not None
    assert ("uid-1", "uid-2") == (told.owner.uid, told.heir.uid)


async def test_what_is_disowned_anew_while_the_api_is_told_is_told_again(parts: Parts, api: Api) -> None:
    heir = showing(parts, "uid-2", "mirror")
    api.open.clear()
    async with running(parts.departures.run()):
        parts.departures.disown(owner("uid-1"), "job-1")
        await until(lambda: api.disowned, "the first")
        heir.deleting = True
        parts.departures.disown(owner("uid-1"), "job-1")
        api.open.set()
        await until(lambda: len(api.disowned) == 2, "the second")

    assert ["uid-2", None] == [one.heir.uid if one.heir else None for one in api.disowned]


async def test_what_a_namesake_says_is_not_taken_for_the_objects_own(cluster: ScriptedCluster, parts: Parts) -> None:
    exists(cluster, "uid-2", status={"phase": "Completed", "reason": "Completed", "revision": 4, "run": 0})
    former, present = record("cats", "uid-1"), record("cats", "uid-2")

    await parts.showing.answered(former)
    await parts.showing.answered(present)

    assert parts.writer.latest(former) is None
    said = parts.writer.latest(present)
    assert said is not None
    assert ("Completed", 4) == (said.phase, said.revision)


async def test_the_spec_of_a_namesake_is_never_told_for_an_object(
    cluster: ScriptedCluster, kube: KubeClient, api: Api
) -> None:
    """Specs that there is no room for are read when their turn comes."""
    parts = Parts(kube, api, memory_for_specs=0)
    exists(cluster, "uid-2")
    exists(cluster, "uid-3", "dogs")
    for name, uid in (("cats", "uid-1"), ("dogs", "uid-3")):
        parts.intake.observe("ADDED", raw_object(name, uid))

    async with running(parts.ensuring.run(), parts.departures.run()):
        await until(lambda: api.told, "the one that is there")
        await until(lambda: parts.index.get("uid-1") is None, "the other is gone")

    assert ["uid-3"] == [one.owner.uid for one in api.told]


async def test_an_echo_of_a_former_object_does_not_take_its_name_back(parts: Parts) -> None:
    parts.intake.observe("ADDED", raw_object("cats", "uid-2", version=20))

    parts.intake.observe("ADDED", raw_object("cats", "uid-1", version=10))
    present = parts.index.named(NS, "cats")
    assert present is not None
    assert ("uid-2", 1) == (present.uid, len(parts.index))

    parts.intake.observe("ADDED", raw_object("cats", "uid-3", version=30))
    present = parts.index.named(NS, "cats")
    assert present is not None
    assert ("uid-3", 1) == (present.uid, len(parts.index))


async def test_a_job_is_mirrored_by_whoever_does_not_own_it(parts: Parts, api: Api) -> None:
    own, mirror = showing(parts, "uid-1", "own"), showing(parts, "uid-2", "mirror")
    change = wire.ChangedJob(owner=owner("uid-1", "own"), job_id="job-1", version=1, job=job(Phase.RUNNING, id="job-1"))
    api.news.append(wire.JobsChanged(incarnation="life-1", changes=(change,)))

    async with running(parts.changes.run()):
        await until(lambda: parts.writer.latest(mirror) is not None, "it is shown")

    assert (False, True) == (own.mirrored, mirror.mirrored)


async def test_news_of_a_former_life_of_the_store_are_dropped(parts: Parts, api: Api) -> None:
    """They were asked for before the new one was learned."""
    one = showing(parts, "uid-1", "own")
    api.news.append(_news("life-1", Phase.RUNNING, revision=9))
    loop = asyncio.get_running_loop()
    later = loop.time() + 3600
    parts.incarnations.admit("life-2", asked_at=later, now=later)
    async with running(parts.changes.run()):
        await until(lambda: not api.news, "they are read")
        await asyncio.sleep(0)
        assert parts.writer.latest(one) is None

    api.news.append(_news("life-2", Phase.RUNNING, revision=2))
    async with running(parts.changes.run()):
        await until(lambda: parts.writer.latest(one) is not None, "news of the present one")


def _news(incarnation: str, phase: Phase, **fields: Any) -> wire.JobsChanged:
    told = wire.ChangedJob(owner=owner("uid-1", "own"), job_id="job-1", version=1, job=job(phase, id="job-1", **fields))
    return wire.JobsChanged(incarnation=incarnation, changes=(told,))


@pytest.mark.parametrize(("asked", "told_again"), [(0, False), (1, True)])
async def test_an_outcome_brings_a_taskjob_back_only_for_a_later_run(
    parts: Parts, api: Api, asked: int, told_again: bool
) -> None:
    one = showing(parts, "uid-1", "own", spec={"rerun": asked})
    api.news.append(_news("life-1", Phase.COMPLETED))

    async with running(parts.changes.run()):
        await until(lambda: parts.writer.latest(one) is not None, "it is shown")

    assert told_again is ("uid-1" in parts.queue.waiting())


@pytest.mark.parametrize("calls", [1, 3])
async def test_only_another_life_of_the_store_has_all_told_again(parts: Parts, api: Api, calls: int) -> None:
    showing(parts, "uid-1", "own")
    api.news.extend(wire.JobsChanged(incarnation="life-1", changes=()) for _ in range(calls))
    async with running(parts.changes.run()):
        await until(lambda: not api.news, "nothing new")
        await asyncio.sleep(0)
    assert [] == parts.queue.waiting()

    api.news.append(wire.JobsChanged(incarnation="life-2", changes=()))
    async with running(parts.changes.run()):
        await until(parts.queue.waiting, "a new life")


@pytest.mark.parametrize(("cluster_id", "asked_again"), [(CLUSTER, False), ("cluster-2", True)])
async def test_a_job_of_another_cluster_is_asked_for_while_it_lives(
    parts: Parts, api: Api, cluster_id: str, asked_again: bool
) -> None:
    """Its changes are told to that cluster alone."""
    api.outcome = "mirrored"
    api.owner = owner("uid-9", "far", cluster_id)
    parts.intake.observe("ADDED", raw_object("cats", "uid-1"))
    one = parts.index.get("uid-1")
    assert one is not None

    async with running(parts.ensuring.run()):
        await until(lambda: parts.writer.latest(one) is not None, "it is shown")
        await until(lambda: not parts.queue.working_on("uid-1"), "its turn is over")

    assert asked_again is ("uid-1" in parts.queue.waiting())


@pytest.mark.parametrize(("rerun", "known"), [(0, "life-2"), (1, "life-1")])
async def test_a_finished_job_is_made_anew_by_nothing_but_a_rerun(
    parts: Parts, api: Api, rerun: int, known: str
) -> None:
    """What the api is told of the life in which its job was: that of today, unless another run is asked for."""
    said = {"phase": "Completed", "observedGeneration": 1, "run": 0, "revision": 3, "jobID": "job-1"}
    api.incarnation = "life-2"
    parts.intake.observe(
        "ADDED", raw_object(generation=2, spec={"rerun": rerun}, status=said | {"incarnation": "life-1"})
    )

    async with running(parts.ensuring.run()):
        await until(lambda: api.told, "it is told")

    assert [known] == [one.known_incarnation for one in api.told]
