"""The order of work: rank with ageing, and calls of one loop that take effect in their order."""

import asyncio

from taskjob.model import Phase
from taskjob_engine.store import JobRef, LeaseRequest


async def test_equal_priorities_are_leased_in_the_order_they_became_ready(world):
    jobs = []
    for _ in range(5):
        jobs.append(await world.submit())
        world.clock.advance(0.001)
    worker = await world.worker()
    assert [g.job for g in await worker.lease(5)] == jobs


async def test_jobs_of_one_moment_are_leased_in_the_order_of_their_ids(world):
    items = [world.submission() for _ in range(4)]
    await world.submit_call(*reversed(items))
    worker = await world.worker()
    assert [g.job for g in await worker.lease(4)] == [i.id for i in items]


async def test_higher_priority_first_across_queues_and_tasks(world):
    low = await world.submit(queue="a", task="x", priority=-1)
    high = await world.submit(queue="b", task="y", priority=2)
    middle = await world.submit(queue="b", task="x", priority=1)
    worker = await world.worker(queues=("a", "b"), tasks=("x", "y"))
    assert [g.job for g in await worker.lease(2)] == [high, middle]
    assert [g.job for g in await worker.lease(2)] == [low]


async def test_one_point_of_priority_is_worth_a_minute_of_waiting(world):
    old = await world.submit(priority=0)
    world.clock.advance(59.5)
    beaten_by = await world.submit(priority=1)
    world.clock.advance(1)
    late = await world.submit(priority=1)
    worker = await world.worker()
    assert [g.job for g in await worker.lease(3)] == [beaten_by, old, late]


async def test_scenario_10_priority_0_runs_under_a_steady_stream_of_priority_10(world):
    humble = await world.submit(priority=0)
    worker = await world.worker()
    served = []
    for _ in range(25):  # twice as much comes as can be served, for ever
        await world.submit(priority=10)
        await world.submit(priority=10)
        grant = await worker.lease_one()
        served.append(grant.job)
        await worker.complete(grant)
        world.clock.advance(60)
        await worker.renew()
    assert humble in served
    assert served.index(humble) <= 21


async def test_scenario_10_a_worker_never_sees_tasks_it_does_not_know(world):
    """During a rolling change old workers must not spin on new tasks, nor be held up by them."""
    for _ in range(50):
        await world.submit(task="new", priority=10)
    known = await world.submit(task="old")
    old = await world.worker(tasks=("old",))
    assert [g.job for g in await old.lease(10)] == [known]
    assert await old.lease(10) == []
    assert [j.deliveries for j in await world.all_jobs() if j.task == "new"] == [0] * 50


async def test_a_lease_right_behind_a_submit_grants_that_job(world):
    worker = await world.worker()
    item = world.submission()
    submitted = asyncio.create_task(world.store.submit([item], create_queues=True))
    leased = asyncio.create_task(world.store.lease([LeaseRequest(ref=worker.ref, n=1)]))
    [verdict], [answer] = await asyncio.gather(submitted, leased)
    assert verdict.outcome == "created"
    assert [g.job for g in answer.grants] == [item.id]


async def test_calls_of_one_loop_take_effect_in_their_order(world):
    """Each pair commutes badly: any other order would show."""
    items = [world.submission(idempotency_key=f"k{n}", document_hash="a") for n in range(20)]
    calls = []
    for item in items:
        ref = JobRef(namespace="default", id=item.id)
        calls.append(asyncio.create_task(world.store.submit([item], create_queues=True)))
        calls.append(asyncio.create_task(world.store.cancel([ref])))
        calls.append(asyncio.create_task(world.store.cancel([ref])))
        calls.append(asyncio.create_task(world.store.purge([ref])))
        calls.append(asyncio.create_task(world.store.submit([item], create_queues=True)))
    answers = [answer[0].outcome for answer in await asyncio.gather(*calls)]
    assert answers == ["created", "changed", "unchanged", "changed", "existing"] * 20


async def test_a_retry_ranks_from_when_it_becomes_ready_again(world):
    first = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    world.clock.advance(1)
    second = await world.submit()
    await worker.fail(grant, delay_seconds=5)
    world.clock.advance(5)
    await world.promote()
    assert (await world.job(first)).phase is Phase.QUEUED
    assert [g.job for g in await worker.lease(2)] == [second, first]
