"""ratePerSecond: a burst of one second, then the rate; a release costs nothing."""

import pytest

from taskjob.model import AttemptOutcome


async def backlog(world, count, **fields):
    await world.submit_call(*(world.submission(**fields) for _ in range(count)))


async def test_a_fresh_queue_grants_one_seconds_worth_at_once(world):
    await world.queue(rate_per_second=5)
    await backlog(world, 20)
    worker = await world.worker()
    answer = await worker.lease_call(20)
    assert len(answer.grants) == 5
    assert answer.retry_after_seconds == pytest.approx(0.2, abs=0.001)


async def test_then_jobs_pass_at_the_rate(world):
    await world.queue(rate_per_second=4)
    await backlog(world, 40)
    worker = await world.worker()
    await worker.lease(40)
    granted = []
    for _ in range(8):
        world.clock.advance(0.125)
        granted.append(len(await worker.lease(40)))
    assert granted == [0, 1, 0, 1, 0, 1, 0, 1]


async def test_idle_time_is_worth_no_more_than_one_burst(world):
    await world.queue(rate_per_second=3)
    await backlog(world, 20)
    worker = await world.worker()
    await worker.lease(20)
    world.clock.advance(600)
    await worker.renew()
    assert len(await worker.lease(20)) == 3


async def test_the_wait_told_is_enough_and_nothing_less_is(world):
    await world.queue(rate_per_second=7)
    await backlog(world, 30)
    worker = await world.worker()
    wait = (await worker.lease_call(30)).retry_after_seconds
    world.clock.advance(wait - 0.001)
    assert await worker.lease(1) == []
    world.clock.advance(0.002)
    assert len(await worker.lease(1)) == 1


async def test_a_release_is_refunded_and_other_ends_are_not(world):
    await world.queue(rate_per_second=2)
    await backlog(world, 5)
    worker = await world.worker()
    first, second = await worker.lease(5)
    await worker.settle(first, AttemptOutcome.RELEASED)
    again = await worker.lease(5)
    assert len(again) == 1
    await worker.complete(again[0])
    await worker.complete(second)
    assert await worker.lease(5) == []


async def test_other_queues_go_on_and_no_wait_is_told_where_enough_was_granted(world):
    await world.queue("slow", rate_per_second=1)
    await backlog(world, 3, queue="slow")
    await backlog(world, 3, queue="fast")
    worker = await world.worker(queues=("slow", "fast"))
    assert (await worker.lease_call(2)).retry_after_seconds is None
    answer = await worker.lease_call(10)
    assert {g.queue for g in answer.grants} == {"fast"}
    assert answer.retry_after_seconds == pytest.approx(1.0, abs=0.001)


async def test_no_wait_is_told_without_work_or_where_concurrency_holds_it_back(world):
    await world.queue(rate_per_second=1)
    await backlog(world, 1)
    worker = await world.worker()
    assert (await worker.lease_call(5)).retry_after_seconds is None
    await world.queue(rate_per_second=1, max_concurrency=1)
    await backlog(world, 1)
    assert (await worker.lease_call(5)).retry_after_seconds is None


async def test_the_rate_survives_a_restart(world):
    await world.queue(rate_per_second=2)
    await backlog(world, 5)
    worker = await world.worker()
    assert len(await worker.lease(5)) == 2
    await world.reopen()
    assert await worker.lease(5) == []
