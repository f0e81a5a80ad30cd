"""explain: the facts about why a job is not running."""

import pytest

from taskjob_engine.store import JobRef


async def explain(world, job):
    return await world.store.explain(JobRef(namespace="default", id=job))


async def test_a_ready_job_tells_how_many_are_ahead(world):
    for _ in range(3):
        await world.submit(task="other")
    job = await world.submit()
    await world.submit()
    facts = await explain(world, job)
    assert (facts.ahead, facts.queue.name, facts.job) == (3, "default", await world.job(job))


async def test_a_limited_job_tells_who_holds_its_permits(world):
    await world.queue(per_concurrency_key=2)
    holders = [await world.submit(concurrency_key="k") for _ in range(2)]
    job = await world.submit(concurrency_key="k")
    assert (await explain(world, job)).permit_holders == tuple(holders)
    assert (await explain(world, holders[0])).permit_holders == ()


async def test_a_job_behind_a_full_queue_tells_who_fills_it(world):
    await world.queue(max_concurrency=1)
    running = await world.submit()
    job = await world.submit()
    worker, _ = await world.worker(), await world.worker()
    await worker.lease_one()
    facts = await explain(world, job)
    assert (facts.permit_holders, facts.running_in_queue) == ((running,), 1)


async def test_workers_are_counted_by_queue_task_and_free_slots(world):
    await world.submit()
    job = await world.submit()
    worker = await world.worker(slots=3)
    await world.worker(slots=5, tasks=("other",))
    await world.worker(slots=7, queues=("other",))
    await world.worker(slots=9, namespace="other")
    await worker.lease_one()
    facts = await explain(world, job)
    assert (facts.workers, facts.capable_workers, facts.free_slots) == (2, 1, 2)
    world.clock.advance(15)
    facts = await explain(world, job)
    assert (facts.workers, facts.capable_workers, facts.free_slots) == (0, 0, 0)


async def test_a_rate_limited_queue_tells_the_wait(world):
    await world.queue(rate_per_second=2)
    for _ in range(2):
        await world.submit()
    job = await world.submit()
    assert (await explain(world, job)).rate_retry_after_seconds is None
    worker = await world.worker()
    await worker.lease(5)
    assert (await explain(world, job)).rate_retry_after_seconds == pytest.approx(0.5, abs=0.001)


async def test_a_queue_that_does_not_exist_is_told(world):
    [verdict] = await world.submit_call(world.submission(queue="missing"), create_queues=False)
    assert (await explain(world, verdict.id)).queue is None


async def test_recent_completions_give_a_rate(world):
    worker = await world.worker()
    for _ in range(6):
        await world.submit()
        await worker.complete(await worker.lease_one())
    for queue, namespace in (("other", "default"), ("default", "other")):  # counts for its own queue
        await world.submit(queue=queue, namespace=namespace)
        stranger = await world.worker(queues=(queue,), namespace=namespace)
        await stranger.complete(await stranger.lease_one())
    job = await world.submit()
    world.clock.advance(30)
    assert (await explain(world, job)).recent_rate_per_second == pytest.approx(0.1)
    world.clock.advance(31)
    assert (await explain(world, job)).recent_rate_per_second == 0.0


async def test_a_missing_or_foreign_job_has_no_explanation(world):
    foreign = await world.submit(namespace="other")
    assert await explain(world, foreign) is None
    assert await explain(world, "f" * 32) is None
