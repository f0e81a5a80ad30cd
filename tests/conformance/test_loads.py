"""loads: what waits in a queue and what serves it, of one moment."""

from store_world import TTL

from taskjob.model import AttemptOutcome


async def load(world, name="default", namespace="default"):
    [told] = await world.store.loads([(namespace, name)])
    return told


async def test_each_job_is_counted_where_it_waits(world):
    worker = await world.worker(slots=4)
    for _ in range(3):
        await world.submit()
    running, failed, dead = await worker.lease(3)
    await worker.start(running)
    await worker.fail(failed)
    await worker.fail(dead, retryable=False)
    await world.submit(start_after=world.clock.at + 60_000_000)
    await world.submit(suspend=True)
    await world.submit(suspend=True, start_after=world.clock.at + 60_000_000)
    await world.submit(concurrency_key="k")
    await world.submit(concurrency_key="k")
    await world.submit()
    await world.submit(task="unknown")

    told = await load(world)

    assert (told.ready, told.running, told.dead_letters) == (3, 1, 1)
    assert (told.delayed, told.blocked) == (2, 3)
    assert told.unservable == 1
    assert told.oldest_ready_at == world.clock.at
    assert (told.workers, told.slots, told.busy_slots) == (1, 4, 1)
    assert (await world.store.audit()).conserved


async def test_without_workers_nothing_can_be_served(world):
    await world.submit()
    told = await load(world)
    assert (told.ready, told.unservable, told.workers) == (1, 1, 0)


async def test_only_live_sessions_that_serve_the_queue_count(world):
    await world.worker(queues=("default", "q"), slots=2)
    await world.worker(queues=("q",), slots=3)
    await world.worker(namespace="other", slots=5)
    gone = await world.worker(slots=7)
    await gone.close()

    assert [((t := await load(world, name)).workers, t.slots) for name in ("default", "q")] == [(1, 2), (2, 5)]
    world.clock.advance(TTL)
    assert (await load(world, "q")).workers == 0


async def test_slots_are_busy_with_what_their_own_sessions_hold(world):
    serves_both, serves_one = await world.worker(queues=("default", "q"), slots=2), await world.worker(slots=3)
    for queue in ("q", "default", "default"):
        await world.submit(queue=queue)
    assert [1, 2] == [len(await worker.lease(most)) for worker, most in ((serves_both, 1), (serves_one, 2))]

    assert [(await load(world, name)).busy_slots for name in ("default", "q")] == [3, 1]
    assert (await load(world, "default", "elsewhere")).busy_slots == 0


async def test_a_queue_of_its_own_and_one_that_nobody_made(world):
    await world.queue("q", max_concurrency=3, paused=True)
    await world.submit_call(world.submission(queue="later"), create_queues=False)

    [made, unmade, never, default] = await world.store.loads(
        [("default", name) for name in ("q", "later", "never", "default")]
    )

    assert (made.queue.limits.max_concurrency, made.queue.paused, made.ready) == (3, True, 0)
    assert (unmade.queue, unmade.ready) == (None, 1)
    assert (never.queue, never.ready, never.oldest_ready_at) == (None, 0, None)
    assert default.queue.name == "default"
    assert await world.store.loads([]) == []


async def test_what_is_settled_or_cancelled_is_counted_no_more(world):
    worker = await world.worker()
    job, suspended = await world.submit(), await world.submit(suspend=True)
    await worker.settle(await worker.lease_one(), AttemptOutcome.COMPLETED)
    await world.cancel(suspended)
    told = await load(world)
    assert (told.ready, told.running, told.delayed, told.blocked, told.busy_slots) == (0, 0, 0, 0, 0)
    assert await world.exists(job)


async def test_a_queue_of_the_same_name_elsewhere_is_another(world):
    await world.queue("q", namespace="other", max_concurrency=9)
    await world.submit(namespace="other", queue="q")
    await world.submit(namespace="other", queue="q", suspend=True)
    await world.worker(namespace="other", queues=("q",))
    await world.queue("q")
    await world.submit(queue="q")

    mine, others = await load(world, "q"), await load(world, "q", "other")

    assert (mine.ready, mine.blocked, mine.workers, mine.queue.limits.max_concurrency) == (1, 0, 0, None)
    assert (others.ready, others.blocked, others.workers, others.queue.limits.max_concurrency) == (1, 1, 1, 9)
