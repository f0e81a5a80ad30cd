"""Pace and receipts of the status writer."""

from __future__ import annotations

import asyncio

from operator_jobs import AT, CLUSTER, ID

from taskjob.model import Owner
from taskjob.wire.operator_messages import OwnedJob
from taskjob_operator.sweep.orphans import absent, braked
from taskjob_operator.writing.pace import FIRST, GROW_AFTER, MOST, Pace
from taskjob_operator.writing.receipts import Receipts


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_success_lets_more_go_on_at_once_up_to_a_bound() -> None:
    pace = Pace(1e9)
    for _ in range(GROW_AFTER * (MOST + 5)):
        await pace.enter()
        await pace.went_well()

    assert MOST == pace.limit
    assert 0 == pace.in_flight


async def test_throttling_halves_what_goes_on_and_stops_all_for_a_while() -> None:
    clock = Clock()
    pace = Pace(1000, clock=clock)
    await pace.enter()

    await pace.told_off(10.0)

    assert FIRST // 2 == pace.limit
    assert 10.0 <= pace._wait_seconds() <= 12.5
    clock.now += 13
    assert 0 == pace._wait_seconds()


async def test_no_more_than_the_limit_are_in_flight() -> None:
    pace = Pace(1000)
    for _ in range(FIRST):
        await pace.enter()
    waiting = asyncio.create_task(pace.enter())
    await asyncio.sleep(0.01)
    assert not waiting.done()

    await pace.failed()
    await asyncio.wait_for(waiting, 10)


async def test_no_more_than_so_many_a_second() -> None:
    clock = Clock()
    pace = Pace(2, clock=clock)
    for _ in range(2):
        await pace.enter()
        await pace.went_well()

    assert 0.5 == pace._wait_seconds()
    clock.now += 0.5
    assert 0 == pace._wait_seconds()


def test_a_row_is_acknowledged_when_all_it_led_to_is_written() -> None:
    receipts = Receipts()
    receipt = receipts.open("job-1", 7)
    statuses = [receipt.hold(), receipt.hold()]
    receipt.done()
    statuses[0].done()
    assert 1 == receipts.held
    assert receipts.knows("job-1", 7)
    assert () == receipts.take(10)

    statuses[1].done()

    assert 0 == receipts.held
    assert (("job-1", 7),) == receipts.take(10)
    assert () == receipts.take(10)


def test_a_later_version_takes_the_place_of_an_earlier_one() -> None:
    receipts = Receipts()
    first = receipts.open("job-1", 7)
    second = receipts.open("job-1", 9)

    first.done()
    assert 1 == receipts.held
    assert (("job-1", 7),) == receipts.take(10)  # it removes that version only

    second.done()
    assert (("job-1", 9),) == receipts.take(10)


def test_rows_are_known_by_their_version() -> None:
    receipts = Receipts()
    receipt = receipts.open("job-1", 7)
    assert (True, False) == (receipts.knows("job-1", 7), receipts.knows("job-1", 8))

    receipt.done()
    assert (True, False) == (receipts.knows("job-1", 7), receipts.knows("job-1", 8))


def test_what_was_not_acknowledged_is_told_again() -> None:
    receipts = Receipts()
    receipts.open("job-1", 7).done()
    rows = receipts.take(10)

    receipts.give_back(rows)

    assert rows == receipts.take(10)


def test_the_brake_lets_a_few_go_and_stops_many() -> None:
    assert not braked(10, 10)
    assert braked(11, 11)
    assert not braked(200, 1000)
    assert braked(201, 1000)


def test_a_job_is_absent_where_its_own_object_is() -> None:
    owned = [
        OwnedJob(job=ID, owner=Owner(cluster_id=CLUSTER, namespace="media", name="cats", uid=uid), created_at=AT)
        for uid in ("uid-1", "uid-2")
    ]

    assert owned[1:] == absent(owned, {"uid-1", "uid-3"})
