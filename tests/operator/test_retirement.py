"""Deletion of finished TaskJobs when their time is over: each at its own, whatever others do."""

from __future__ import annotations

from typing import Any

import pytest
from operator_jobs import AT, raw_object
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob.model import format_time
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.metrics import Metrics
from taskjob_operator.reconcile.index import Index
from taskjob_operator.record import Record, look
from taskjob_operator.sweep.retirement import Retirement

NS = "media"
DONE = {"phase": "Completed", "reason": "Completed", "observedGeneration": 1, "run": 0, "revision": 3}


class Graveyard:
    """Everything finished at the same moment; `now` is so many seconds after it."""

    def __init__(self, cluster: ScriptedCluster, kube: KubeClient) -> None:
        self._cluster = cluster
        self.index = Index()
        self.now = 0.0
        self.retirement = Retirement(
            kube,
            self.index,
            Metrics(),
            on_gone=lambda _: None,
            now=lambda: AT + round(self.now * 1_000_000),
        )

    def taskjob(self, name: str, ttl: int | None) -> Record:
        raw = self._raw(name, ttl)
        self._cluster.put("taskjobs", NS, name, **raw)
        one = Record(look(raw))
        self.index.add(one)
        self.retirement.consider(one)
        return one

    def edit(self, one: Record, ttl: int | None) -> None:
        one.see(look(self._raw(one.name, ttl)))
        self.retirement.consider(one)

    def left(self) -> set[str]:
        return {name for name in ("first", "second", "third") if self._cluster.exists(NS, name)}

    @staticmethod
    def _raw(name: str, ttl: int | None) -> dict[str, Any]:
        spec = {} if ttl is None else {"ttlSecondsAfterFinished": ttl}
        return raw_object(name, f"uid-{name}", spec=spec, status=DONE | {"finishedAt": format_time(AT)})


@pytest.fixture
async def graveyard(cluster: ScriptedCluster, kube: KubeClient) -> Graveyard:
    return Graveyard(cluster, kube)


async def test_those_of_one_moment_all_go(graveyard: Graveyard) -> None:
    for name in ("first", "second"):
        graveyard.taskjob(name, 10)
    graveyard.now = 11

    async with running(graveyard.retirement.run()):
        await until(lambda: not graveyard.left(), "both are deleted")


async def test_each_goes_at_its_own_time(graveyard: Graveyard) -> None:
    graveyard.taskjob("first", 30)
    graveyard.taskjob("second", 10)
    graveyard.now = 11

    async with running(graveyard.retirement.run()):
        await until(lambda: {"first"} == graveyard.left(), "the one whose time is over")
        graveyard.now = 31
        graveyard.taskjob("third", None)
        graveyard.taskjob("second", 10)
        await until(lambda: {"third"} == graveyard.left(), "the rest")


async def test_one_whose_time_to_live_is_taken_back_stays(graveyard: Graveyard) -> None:
    graveyard.taskjob("first", 10)
    second = graveyard.taskjob("second", 10)
    graveyard.edit(second, None)
    graveyard.now = 11

    async with running(graveyard.retirement.run()):
        await until(lambda: {"second"} == graveyard.left(), "the other")
