"""activeDeadlineSeconds: the whole job's time, from acceptance, per run."""

from taskjob.model import AttemptOutcome, Phase, Reason


async def test_an_unleased_job_past_its_deadline_is_a_dead_letter(world):
    ready = await world.submit(active_deadline_seconds=10)
    delayed = await world.submit(active_deadline_seconds=10, start_after=world.clock.at + 60_000_000)
    limited = [await world.submit(active_deadline_seconds=10, concurrency_key="k") for _ in range(2)]
    suspended = await world.submit(active_deadline_seconds=10, suspend=True)
    world.clock.advance(9.999)
    assert (await world.expire()).deadlines == 0
    world.clock.advance(0.001)
    assert (await world.expire()).deadlines == 5
    for job in (ready, delayed, *limited, suspended):
        seen = await world.job(job)
        assert (seen.phase, seen.reason) == (Phase.DEAD_LETTER, Reason.DEADLINE_EXCEEDED)


async def test_a_job_past_its_deadline_is_not_granted_even_before_the_sweep(world):
    await world.submit(active_deadline_seconds=5, priority=9)
    fresh = await world.submit()
    worker = await world.worker()
    world.clock.advance(5)
    assert [g.job for g in await worker.lease(5)] == [fresh]
    assert (await world.expire()).deadlines == 1


async def test_the_deadline_cuts_the_attempts_time(world):
    job = await world.submit(timeout_seconds=100, active_deadline_seconds=30)
    worker = await world.worker()
    world.clock.advance(10)
    grant = await worker.lease_one()
    assert grant.timeout_seconds == 20.0
    await worker.start(grant)
    for _ in range(2):
        world.clock.advance(10)
        answer = await worker.renew()
    [order] = answer.cancelling
    assert order.reason == "DeadlineExceeded"
    await worker.settle(grant, AttemptOutcome.TIMED_OUT)
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.attempts) == (Phase.DEAD_LETTER, Reason.DEADLINE_EXCEEDED, 1)


async def test_a_worker_that_ignores_the_deadline_loses_the_job_a_ttl_later(world):
    job = await world.submit(active_deadline_seconds=10)
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    for _ in range(5):
        world.clock.advance(5)
        await worker.renew()
    assert (await world.expire()).timed_out == 1
    assert (await world.job(job)).reason is Reason.DEADLINE_EXCEEDED


async def test_a_completion_after_the_deadline_still_counts(world):
    job = await world.submit(active_deadline_seconds=10)
    worker = await world.worker()
    grant = await worker.lease_one()
    world.clock.advance(11)
    assert (await worker.complete(grant)).phase is Phase.COMPLETED
    assert (await world.job(job)).reason is Reason.COMPLETED


async def test_a_retry_that_comes_due_after_the_deadline_is_a_dead_letter(world):
    job = await world.submit(active_deadline_seconds=10)
    worker = await world.worker()
    await worker.fail(await worker.lease_one(), delay_seconds=20)
    world.clock.advance(20)
    await world.promote()
    assert (await world.job(job)).reason is Reason.DEADLINE_EXCEEDED


async def test_a_rerun_counts_the_deadline_afresh(world):
    job = await world.submit(active_deadline_seconds=10)
    world.clock.advance(60)
    await world.expire()
    await world.rerun(job)
    seen = await world.job(job)
    assert (seen.phase, seen.deadline_at) == (Phase.QUEUED, world.clock.at + 10_000_000)
    assert seen.active_deadline_seconds == 10
