"""Kubernetes Events of TaskQueues: what turned, told once, and never before the status says it."""

from __future__ import annotations

from typing import Any

import pytest
from event_desk import EventDesk, event
from running_parts import running, until
from scripted_cluster import ScriptedCluster

from taskjob_operator.events.event import Event
from taskjob_operator.events.poster import BURST
from taskjob_operator.events.queues import OVER_SECONDS, SUMMARY_SECONDS, QueueEvents
from taskjob_operator.kube.client import KubeClient

NS = "media"


def queue(status: dict[str, Any] | None = None, uid: str = "uid-images") -> dict[str, Any]:
    return {"metadata": {"namespace": NS, "name": "images", "uid": uid}, "status": status or {}}


def ill(reason: str = "QuotaExceeded", since: str = "2026-11-23T06:00:00Z") -> dict[str, Any]:
    condition = {"type": "WorkersFailing", "status": "True", "reason": reason, "message": reason}
    return {"conditions": [condition | {"lastTransitionTime": since}]}


WELL: dict[str, Any] = {"conditions": []}


class Told(EventDesk):
    """What was told of TaskQueues, in a word each."""

    def __init__(self, cluster: ScriptedCluster, kube: KubeClient) -> None:
        super().__init__(cluster, kube)
        self.events: list[str] = []
        self.poster.tell = self._tell  # type: ignore[method-assign]
        self.queues = QueueEvents(self.poster, clock=self.clock)
        self.full = False

    def _tell(self, one: Event) -> bool:
        if not self.full:
            self.events.append(one.reason)
        return not self.full


@pytest.fixture
async def desk(cluster: ScriptedCluster, kube: KubeClient) -> EventDesk:
    return EventDesk(cluster, kube)


@pytest.fixture
async def told(cluster: ScriptedCluster, kube: KubeClient) -> Told:
    return Told(cluster, kube)


async def test_a_trouble_is_told_when_it_comes_and_not_while_it_stands(told: Told) -> None:
    told.queues.said(queue(), ill())
    for _ in range(3):
        told.clock.now += 10 * OVER_SECONDS
        told.queues.said(queue(ill()), ill())

    assert ["QuotaExceeded"] == told.events


async def test_a_trouble_that_comes_and_goes_is_told_once_and_one_that_was_over_again(told: Told) -> None:
    for _ in range(4):
        told.queues.said(queue(), ill())
        told.clock.now += OVER_SECONDS / 2
        told.queues.said(queue(), WELL)
        told.clock.now += OVER_SECONDS / 2
    assert ["QuotaExceeded"] == told.events

    told.queues.said(queue(), WELL)
    told.clock.now += OVER_SECONDS + 1
    told.queues.said(queue(), ill(since="2026-11-23T09:00:00Z"))

    assert ["QuotaExceeded"] * 2 == told.events


async def test_another_trouble_is_told_beside_the_first(told: Told) -> None:
    told.queues.said(queue(), ill())
    told.queues.said(queue(ill()), ill("CrashLoopBackOff"))

    assert ["QuotaExceeded", "CrashLoopBackOff"] == told.events


async def test_a_new_process_tells_nothing_that_the_status_says_already(told: Told) -> None:
    told.queues.said(queue(ill()), ill())

    assert [] == told.events


async def test_a_look_that_failed_after_its_write_loses_no_event(told: Told) -> None:
    told.queues.said(queue(), WELL)
    told.queues.said(queue(ill()), ill())  # the status stands there, from a write that had no answer

    assert ["QuotaExceeded"] == told.events


async def test_a_trouble_for_which_there_was_no_room_is_told_at_the_next_look(told: Told) -> None:
    told.full = True
    told.queues.said(queue(), ill())
    told.full = False
    for _ in range(2):
        told.queues.said(queue(ill()), ill())

    assert ["QuotaExceeded"] == told.events


async def test_a_trouble_that_comes_back_under_a_condition_that_stayed_is_another_event(desk: EventDesk) -> None:
    queues = QueueEvents(desk.poster, clock=desk.clock)
    found = WELL
    async with running(desk.poster.run()):
        for version, reason in enumerate(("QuotaExceeded", "CrashLoopBackOff", "QuotaExceeded")):
            seen = queue(found)
            seen["metadata"]["resourceVersion"] = str(version)
            found = ill(reason)
            queues.said(seen, found)
            desk.clock.now += OVER_SECONDS + 1
        await until(lambda: desk.count("written") == 3, "all three")


async def test_a_namesake_has_a_life_of_its_own(told: Told) -> None:
    told.queues.said(queue(), ill())
    told.queues.said(queue(uid="uid-later"), ill())
    told.queues.gone((NS, "images"))
    told.queues.said(queue(uid="uid-later"), ill())

    assert ["QuotaExceeded"] * 3 == told.events


async def test_a_scaling_is_told_once_the_status_was_written(told: Told) -> None:
    metadata = {"name": "taskqueue-images", "uid": "d-1", "resourceVersion": "7"}
    told.queues.note_scaling(queue(), {"metadata": metadata, "spec": {"replicas": 1}}, 3)
    assert [] == told.events

    told.queues.said(queue(), WELL)
    told.queues.said(queue(), WELL)

    assert ["ScaledUp"] == told.events


async def test_a_namesake_does_not_tell_what_failed_before_it(desk: EventDesk) -> None:
    queues = QueueEvents(desk.poster, clock=desk.clock)
    queues.said(queue(), WELL)
    for number in range(BURST + 12):
        desk.poster.tell(event(f"cat-{number}"))
    assert 12 == desk.poster.untold.of((NS, "images"))

    queues.gone((NS, "images"))
    desk.poster.tell(event("cat-late"))
    assert 0 == desk.poster.untold.of((NS, "images")), "of a queue without a TaskQueue nothing is kept"

    queues.said(queue(uid="uid-later"), WELL)
    assert 0 == desk.poster.untold.of((NS, "images"))


async def test_what_was_dropped_is_one_event_of_the_queue_a_minute(desk: EventDesk) -> None:
    queues = QueueEvents(desk.poster, clock=desk.clock)
    queues.said(queue(), WELL)
    for number in range(BURST + 12):
        desk.poster.tell(event(f"cat-{number}"))

    async with running(desk.poster.run()):
        for second in ("00", "30"):
            queues.said(queue(), {"statsAt": f"2026-11-23T06:00:{second}Z"})
            desk.poster.tell(event(f"late-{second}"))
        desk.clock.now += SUMMARY_SECONDS
        queues.said(queue(), {"statsAt": "2026-11-23T06:01:00Z"})
        await until(lambda: desk.count("written") == BURST + 2, "all")

    summaries = [one for one in desk.cluster.events() if one["reason"] == "MoreFailed"]
    assert ["TaskQueue"] * 2 == [one["regarding"]["kind"] for one in summaries]
    assert ["12", "2"] == [one["note"].partition(" more TaskJobs of this queue failed")[0] for one in summaries]
