"""Kubernetes Events of TaskJobs: after the status, at nobody's expense, whatever becomes of them."""

from __future__ import annotations

import logging
import socket
from typing import Any

import msgspec
import pytest
from event_desk import EventDesk, event
from live_operator import LiveOperator, eventually
from operator_jobs import AT, job, record
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob.model import Phase
from taskjob_operator.events.poster import BURST, MOST_OF_A_NAMESPACE, MOST_WAITING, Poster
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.record import Standing
from taskjob_operator.status.build import status_of
from taskjob_operator.status.document import TaskJobStatus
from taskjob_operator.writing.pace import Pace
from taskjob_operator.writing.writer import Writer

NS = "media"
POST, PATCH = "post events", "patch taskjobs/status"
DEAD = status_of(job(Phase.DEAD_LETTER), generation=1, incarnation="life-1", mirrored=False, now=AT)
MANY = 10_000


@pytest.fixture
async def desk(cluster: ScriptedCluster, kube: KubeClient) -> EventDesk:
    return EventDesk(cluster, kube)


def failed(cluster: ScriptedCluster, name: str) -> None:
    """A TaskJob of the namespace that has a worker, at its end."""
    cluster.create("default", name, task="fail", payload={"message": "no disk"}, retry={"maxAttempts": 1})
    eventually(lambda: cluster.status("default", name).get("phase") == "DeadLetter", f"{name} failed")


async def test_an_event_that_was_told_before_is_no_second_one(desk: EventDesk, kube: KubeClient) -> None:
    another = Poster(kube, desk.metrics, instance="operator-9a")
    async with running(desk.poster.run(), another.run()):
        desk.poster.tell(event())
        await until(lambda: desk.count("written") == 1, "the first")
        another.tell(event(note="after a restart"))
        await until(lambda: desk.count("known") == 1, "the API server has it")

    assert ["no disk"] == desk.notes()


async def test_a_flood_is_dropped_and_counted_and_another_queue_does_not_feel_it(desk: EventDesk) -> None:
    desk.poster.untold.follow((NS, "images"))
    for number in range(MANY):
        desk.poster.tell(event(f"cat-{number}"))
    desk.poster.tell(event("letter", queue="mail"))
    desk.poster.tell(event("images", kind="TaskQueue"))

    async with running(desk.poster.run()):
        await until(lambda: desk.count("written") == BURST + 2, "what is let through")

    assert BURST + 2 == desk.cluster.calls.count(POST)
    assert MANY - BURST == desk.count("dropped")
    assert MANY - BURST == desk.poster.untold.of((NS, "images"))


async def test_a_namespace_that_invents_queues_does_not_silence_another(desk: EventDesk) -> None:
    """The name of a queue is free text; what waits is bounded for each namespace, and they take turns."""
    for number in range(MOST_OF_A_NAMESPACE + 40):
        desk.poster.tell(event(f"cat-{number}", queue=f"queue-{number}", namespace="loud"))
    assert 40 == desk.count("dropped")

    assert desk.poster.tell(event("letter"))

    async with running(desk.poster.run()):
        await until(lambda: desk.count("written") >= 2, "the first two")
    assert {"uid-cat-0", "uid-letter"} == {one["regarding"]["uid"] for one in desk.cluster.events()[:2]}


async def test_what_waits_is_bounded_over_all_namespaces(desk: EventDesk) -> None:
    for number in range(MOST_WAITING + 40):
        desk.poster.tell(event("cats", namespace=f"ns-{number}"))

    assert 40 == desk.count("dropped")


async def test_of_a_namespace_that_goes_nothing_is_said(desk: EventDesk, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is the one line spent on it that a missing right will need."""
    gone = "forbidden: unable to create new content in namespace media because it is being terminated"
    desk.cluster.fail(POST, 403, message=gone)
    desk.cluster.fail(POST, 403)
    with caplog.at_level(logging.WARNING, "taskjob_operator"):
        async with running(desk.poster.run()):
            for name in ("one", "two"):
                desk.poster.tell(event(name))
            await until(lambda: desk.count("refused") == 2, "both")

    assert 1 == sum("an Event could not be written" in one.getMessage() for one in caplog.records)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_a_refusal_is_counted_and_said_once(
    desk: EventDesk, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    desk.cluster.fail(POST, status, times=2)
    with caplog.at_level(logging.WARNING, "taskjob_operator"):
        async with running(desk.poster.run()):
            for name in ("one", "two", "three"):
                desk.poster.tell(event(name))
            await until(lambda: desk.count("written") == 1, "the third")

    assert 2 == desk.count("refused")
    assert 3 == desk.cluster.calls.count(POST)
    assert 1 == sum("an Event could not be written" in one.getMessage() for one in caplog.records)


@pytest.mark.parametrize("status", [401, 408, 409, 429, 500, 503])
async def test_what_passes_is_tried_again_and_not_for_ever(desk: EventDesk, status: int) -> None:
    desk.cluster.fail(POST, status, times=4)
    async with running(desk.poster.run()):
        desk.poster.tell(event("one"))
        desk.poster.tell(event("two"))
        await until(lambda: desk.count("written") == 1, "the second, at its second try")

    assert 1 == desk.count("failed")
    assert ["uid-two"] == [one["regarding"]["uid"] for one in desk.cluster.events()]


async def test_no_status_waits_for_an_event(desk: EventDesk, kube: KubeClient) -> None:
    """Not even where the API server does not answer any: the TaskJobs of a burst are written all the same."""
    desk.cluster.hold(POST, None)
    said: list[tuple[str, str]] = []

    def tell(one: Any, before: Standing, status: TaskJobStatus) -> None:
        said.append((before.phase, desk.cluster.status(NS, one.name)["phase"]))
        desk.poster.tell(event(one.name, note=status.message))

    writer = Writer(
        kube, Pace(1e6), desk.metrics, on_gone=lambda _: None, on_read=lambda _: None, on_write=tell, clock=desk.clock
    )
    async with running(writer.run(), desk.poster.run()):
        for number in range(100):
            name = f"cat-{number}"
            desk.cluster.put("taskjobs", NS, name, metadata={"uid": f"uid-{name}"}, spec={}, status={})
            writer.want(record(name, f"uid-{name}"), DEAD)
        await until(lambda: len(said) == 100, "all statuses")
        assert {("Submitted", "DeadLetter")} == set(said), "told after the status was written"
        assert [] == desk.cluster.events()
        desk.cluster.release(POST, None)
        await until(desk.cluster.events, "an Event")


async def test_a_write_without_an_answer_that_took_effect_is_told_as_the_turn_that_it_was(
    desk: EventDesk, kube: KubeClient
) -> None:
    told: list[tuple[str, str]] = []
    desk.cluster.put("taskjobs", NS, "cats", metadata={"uid": "uid-cats"}, spec={}, status={})
    one = record("cats", "uid-cats")
    writer = Writer(
        kube,
        Pace(1e6),
        desk.metrics,
        on_gone=lambda _: None,
        on_read=lambda _: None,
        on_write=lambda _, before, status: told.append((before.phase, status.phase)),
        clock=desk.clock,
    )
    desk.cluster.fail(PATCH, 504)
    async with running(writer.run()):
        writer.want(one, DEAD)
        await until(lambda: 'status_writes_total{outcome="failed"} 1' in desk.metrics.text().decode(), "no answer")
        one.written = record("cats", "uid-cats", status=DEAD.written()).written  # as the watch shows it
        writer.want(one, msgspec.structs.replace(DEAD, revision=2))
        desk.clock.now += 1
        await until(lambda: told, "the second try")

    assert [("Submitted", "DeadLetter")] == told


def test_a_dead_letter_is_an_event_and_a_completed_job_none(cluster: ScriptedCluster, operator: LiveOperator) -> None:
    failed(cluster, "bad")
    cluster.create("default", "sum", task="add", payload={"a": 1, "b": 2})
    eventually(lambda: cluster.status("default", "sum").get("phase") == "Completed", "the other")

    eventually(lambda: operator.metric("taskjob_operator_events_total") == 1, "the Event")

    [told] = cluster.events()
    assert ("bad", cluster.status("default", "bad")["reason"]) == (told["regarding"]["name"], told["reason"])
    assert socket.gethostname()[:128] == told["reportingInstance"]


def test_without_the_right_to_write_events_everything_else_goes_on(
    cluster: ScriptedCluster, operator: LiveOperator
) -> None:
    cluster.fail(POST, 403, times=100)
    for name in ("bad", "worse"):
        failed(cluster, name)
    eventually(lambda: operator.metric("taskjob_operator_events_total") == 2, "both are counted")

    failed(cluster, "worst")
    assert [] == cluster.events()
    assert 1 == operator.log().count("an Event could not be written")
    assert operator.process.poll() is None
