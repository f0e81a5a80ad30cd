"""promote: what is due becomes eligible, in bounded steps; operational pauses end."""

from taskjob.model import Phase, Reason


async def test_a_delayed_job_becomes_ready_at_its_time_and_not_before(world):
    job = await world.submit(start_after=world.clock.at + 10_000_000)
    worker = await world.worker()
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.due_at) == (Phase.SUBMITTED, Reason.DELAYED, world.clock.at + 10_000_000)
    world.clock.advance(9.999)
    assert (await world.promote()).promoted == 0
    assert await worker.lease(1) == []
    world.clock.advance(0.001)
    assert (await world.promote()).promoted == 1
    seen = await world.job(job)
    assert (seen.phase, seen.ready_at, seen.due_at) == (Phase.QUEUED, world.clock.at, None)
    assert [g.job for g in await worker.lease(1)] == [job]


async def test_a_start_in_the_past_is_no_wait(world):
    job = await world.submit(start_after=world.clock.at - 1)
    assert (await world.job(job)).phase is Phase.QUEUED
    assert (await world.job(job)).start_after == world.clock.at - 1


async def test_steps_are_bounded_earliest_first_and_say_that_there_is_more(world):
    jobs = [await world.submit(start_after=world.clock.at + n) for n in (5, 3, 4, 1, 2)]
    world.clock.advance(1)
    first = await world.store.promote(2)
    assert (first.promoted, first.more) == (2, True)
    assert [(await world.job(j)).phase is Phase.QUEUED for j in jobs] == [False, False, False, True, True]
    assert (await world.store.promote(2)).more
    last = await world.store.promote(2)
    assert (last.promoted, last.more) == (1, False)
    assert (await world.store.promote(2)).promoted == 0


async def test_a_promoted_job_asks_for_its_permit(world):
    late = await world.submit(concurrency_key="k", start_after=world.clock.at + 1)
    early = await world.submit(concurrency_key="k")
    world.clock.advance(1)
    await world.promote()
    assert (await world.job(late)).reason is Reason.LIMITED
    await world.cancel(early)
    assert (await world.job(late)).phase is Phase.QUEUED


async def test_an_operational_pause_ends_at_its_time(world):
    await world.submit()
    worker = await world.worker()
    await world.queue(pause=True, actor="ann", pause_reason="look", pause_until=world.clock.at + 5_000_000)
    assert await worker.lease(1) == []
    assert await world.store.next_due_at() == world.clock.at + 5_000_000
    world.clock.advance(5)
    await world.promote()
    [queue] = await world.store.queues("default")
    assert (queue.paused_by, queue.paused_reason, queue.paused_until) == (None, None, None)
    assert len(await worker.lease(1)) == 1


async def test_a_pause_that_is_over_holds_nothing_back_even_before_the_sweep(world):
    await world.submit()
    worker = await world.worker()
    await world.queue(pause=True, actor="ann", pause_until=world.clock.at + 5_000_000)
    world.clock.advance(5)
    assert len(await worker.lease(1)) == 1


async def test_due_jobs_survive_a_restart(world):
    job = await world.submit(start_after=world.clock.at + 1_000_000)
    await world.reopen()
    world.clock.advance(1)
    await world.promote()
    assert (await world.job(job)).phase is Phase.QUEUED
