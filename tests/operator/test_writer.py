"""The status writer with several objects at once: each is written its own, whatever becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest
from operator_jobs import AT, job, record
from running_parts import SteadyClock, running, until
from scripted_cluster import ScriptedCluster

from taskjob.model import Phase
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.metrics import Metrics
from taskjob_operator.record import Record
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import TaskJobStatus, read_status
from taskjob_operator.writing.pace import Pace
from taskjob_operator.writing.receipts import Receipts
from taskjob_operator.writing.writer import Writer

NS = "media"
PATCH = "patch taskjobs/status"
FIRST = {"phase": "Submitted", "reason": "NotYetSeen", "revision": 0, "run": 0}


def shows(phase: Phase, **fields: Any) -> TaskJobStatus:
    """An outcome is due at once, a phase in half a second, a detail within a phase in ten."""
    return status_of(job(phase, **fields), generation=1, incarnation="life-1", mirrored=False, now=AT)


class Desk:
    def __init__(self, cluster: ScriptedCluster, kube: KubeClient) -> None:
        self.cluster = cluster
        self.clock = SteadyClock()
        self.metrics = Metrics()
        self.gone: list[Record] = []
        self.read: list[dict[str, Any]] = []
        self.writer = Writer(
            kube,
            Pace(1e6),
            self.metrics,
            on_gone=self.gone.append,
            on_read=self.read.append,
            on_write=lambda *_: None,
            clock=self.clock,
        )

    def taskjob(self, name: str, status: TaskJobStatus | None = None) -> Record:
        """An object that says this already."""
        said = FIRST if status is None else status.written()
        self.cluster.put("taskjobs", NS, name, metadata={"uid": f"uid-{name}"}, spec={}, status=said)
        return record(name, f"uid-{name}", status=said)

    def phase(self, name: str) -> Any:
        return self.cluster.status(NS, name).get("phase")

    def run(self, name: str) -> Any:
        return self.cluster.status(NS, name).get("run")

    def failures(self) -> float | None:
        return self.metrics.registry.get_sample_value("taskjob_operator_status_writes_total", {"outcome": "failed"})

    def writes(self) -> int:
        return self.cluster.calls.count(PATCH)


@pytest.fixture
async def desk(cluster: ScriptedCluster, kube: KubeClient) -> Desk:
    return Desk(cluster, kube)


async def test_what_is_due_is_written_before_what_waits(desk: Desk) -> None:
    early, late = desk.taskjob("early"), desk.taskjob("late")
    desk.writer.want(late, shows(Phase.QUEUED))
    desk.writer.want(early, shows(Phase.COMPLETED))

    async with running(desk.writer.run()):
        await until(lambda: desk.phase("early") == "Completed", "the one that is due")
        assert (1, "Submitted") == (desk.writes(), desk.phase("late"))

        desk.clock.now += 1
        await until(lambda: desk.phase("late") == "Queued", "the other")

    assert 2 == desk.writes()


async def test_what_is_wanted_of_one_object_says_nothing_of_another(desk: Desk) -> None:
    one, other = desk.taskjob("one"), desk.taskjob("other")
    desk.writer.want(one, shows(Phase.QUEUED))
    assert desk.writer.latest(other) is None

    receipts = Receipts()
    desk.writer.want(other, read_status(FIRST), receipts.open("job", 1))  # it says so already

    assert (("job", 1),) == receipts.take(10)
    assert shows(Phase.QUEUED) == desk.writer.latest(one)


async def test_a_status_that_is_withdrawn_or_forgotten_takes_no_other_along(desk: Desk) -> None:
    stays, withdrawn, forgotten = (desk.taskjob(name) for name in ("stays", "withdrawn", "forgotten"))
    for each in (stays, withdrawn, forgotten):
        desk.writer.want(each, shows(Phase.COMPLETED))
    desk.writer.want(withdrawn, read_status(FIRST))
    assert 2 == len(desk.writer)
    assert shows(Phase.COMPLETED) == desk.writer.latest(stays)

    desk.writer.forget(forgotten)
    assert 1 == len(desk.writer)

    async with running(desk.writer.run()):
        await until(lambda: desk.phase("stays") == "Completed", "what is left")


async def test_a_receipt_is_done_with_its_own_object(desk: Desk) -> None:
    one, other = desk.taskjob("one"), desk.taskjob("other")
    receipts = Receipts()
    desk.writer.want(other, shows(Phase.QUEUED), receipts.open("other", 1))
    desk.writer.want(one, shows(Phase.COMPLETED), receipts.open("one", 1))

    async with running(desk.writer.run()):
        await until(lambda: desk.phase("one") == "Completed", "the write")
        await until(lambda: receipts.held == 1, "its receipt")

    assert (("one", 1),) == receipts.take(10)


async def test_a_write_that_takes_long_holds_up_no_other_object(desk: Desk) -> None:
    slow, quick = desk.taskjob("slow"), desk.taskjob("quick")
    desk.cluster.hold(PATCH, "slow")
    desk.writer.want(slow, shows(Phase.COMPLETED))

    async with running(desk.writer.run()):
        await until(lambda: desk.writes() == 1, "the slow write")
        assert desk.writer.latest(quick) is None
        desk.writer.want(quick, shows(Phase.COMPLETED))
        await until(lambda: desk.phase("quick") == "Completed", "the quick write")
        await until(lambda: len(desk.writer) == 1, "its answer")
        assert shows(Phase.COMPLETED) == desk.writer.latest(slow)

        desk.clock.now += 1
        desk.writer.want(quick, shows(Phase.COMPLETED, run=1))
        await until(lambda: desk.run("quick") == 1, "once more")

        desk.cluster.release(PATCH, "slow")
        await until(lambda: desk.phase("slow") == "Completed", "the slow one at last")


async def test_an_object_is_written_by_one_hand_at_a_time_and_then_what_came_meanwhile(desk: Desk) -> None:
    said = shows(Phase.RUNNING, revision=1)
    detail, busy, due = desk.taskjob("detail", said), desk.taskjob("busy"), desk.taskjob("due")
    detail.last_write = desk.clock.now
    desk.writer.want(detail, shows(Phase.RUNNING, revision=2))  # for a long time
    desk.cluster.hold(PATCH, "busy")
    desk.writer.want(busy, shows(Phase.QUEUED))
    desk.writer.want(busy, shows(Phase.COMPLETED))

    async with running(desk.writer.run()):
        await until(lambda: desk.writes() == 1, "the first")
        desk.writer.want(busy, shows(Phase.COMPLETED, run=1))
        desk.clock.now += 1  # the time at which the phase was due
        desk.writer.want(due, shows(Phase.COMPLETED))
        await until(lambda: desk.phase("due") == "Completed", "what is due after it")
        assert 2 == desk.writes()

        desk.cluster.release(PATCH, "busy")
        await until(lambda: len(desk.writer) == 2, "its answer")
        desk.clock.now += 1
        await until(lambda: desk.run("busy") == 1, "what came meanwhile")

    assert 1 == desk.cluster.status(NS, "detail")["revision"]


async def test_a_failed_write_is_tried_again_beside_others_that_wait(desk: Desk) -> None:
    said = shows(Phase.RUNNING, revision=1)
    waits, fails = desk.taskjob("waits", said), desk.taskjob("fails")
    waits.last_write = desk.clock.now
    desk.writer.want(waits, shows(Phase.RUNNING, revision=2))
    desk.writer.want(fails, shows(Phase.COMPLETED))
    desk.cluster.fail(PATCH, 500)

    async with running(desk.writer.run()):
        await until(desk.failures, "the failure")
        desk.clock.now += 1
        await until(lambda: desk.phase("fails") == "Completed", "the second try")

    assert 1 == desk.cluster.status(NS, "waits")["revision"]


async def test_a_status_is_never_written_to_a_namesake(desk: Desk) -> None:
    former = desk.taskjob("one")
    desk.cluster.put("taskjobs", NS, "one", metadata={"uid": "uid-later"}, spec={}, status=FIRST)
    desk.writer.want(former, shows(Phase.COMPLETED))

    async with running(desk.writer.run()):
        await until(lambda: desk.gone, "it is told")

    assert [former] == desk.gone
    assert [] == desk.read
    assert "Submitted" == desk.phase("one")


async def test_a_refused_status_is_not_tried_twice_and_no_sign_that_the_object_is_gone(desk: Desk) -> None:
    one, later = desk.taskjob("one"), desk.taskjob("later")
    desk.cluster.fail(PATCH, 422)
    desk.writer.want(one, shows(Phase.COMPLETED))

    async with running(desk.writer.run()):
        await until(lambda: desk.read and not len(desk.writer), "it is read again")
        desk.writer.want(one, shows(Phase.COMPLETED))
        desk.writer.want(later, shows(Phase.COMPLETED))
        await until(lambda: desk.phase("later") == "Completed", "another")

    assert 2 == desk.writes()
    assert [] == desk.gone
