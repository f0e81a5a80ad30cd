"""amend: suspend and resume, priority, retention."""

import pytest

from taskjob.model import AttemptOutcome, Phase, Reason
from taskjob_engine.store import Amendment, JobRef


async def amend(world, job, **fields):
    [verdict] = await world.store.amend([Amendment(ref=JobRef(namespace="default", id=job), **fields)])
    return verdict


async def test_a_job_submitted_suspended_waits_until_resumed(world):
    job = await world.submit(suspend=True)
    worker = await world.worker()
    assert ((await world.job(job)).phase, (await world.job(job)).reason) == (Phase.SUBMITTED, Reason.SUSPENDED)
    await world.promote()
    assert await worker.lease(5) == []
    assert (await amend(world, job, suspend=False)).outcome == "changed"
    assert [g.job for g in await worker.lease(5)] == [job]


async def test_a_ready_job_that_is_suspended_is_not_granted(world):
    job = await world.submit()
    assert (await amend(world, job, suspend=True)).phase is Phase.SUBMITTED
    worker = await world.worker()
    assert await worker.lease(5) == []


async def test_scenario_09_suspend_of_a_running_job_stops_the_next_start_only(world):
    job = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    assert (await amend(world, job, suspend=True)).phase is Phase.RUNNING
    assert (await worker.renew()).cancelling == ()
    await worker.fail(grant, delay_seconds=1)
    seen = await world.job(job)
    assert (seen.reason, seen.attempts) == (Reason.SUSPENDED, 1)
    world.clock.advance(2)
    await world.promote()
    assert await worker.lease(5) == []
    await amend(world, job, suspend=False)
    assert [g.job for g in await worker.lease(5)] == [job]


async def test_a_running_job_suspended_may_still_complete(world):
    job = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await amend(world, job, suspend=True)
    await worker.complete(grant)
    assert (await world.job(job)).phase is Phase.COMPLETED


async def test_resume_before_the_due_time_goes_on_waiting_for_it(world):
    job = await world.submit(start_after=world.clock.at + 60_000_000)
    await amend(world, job, suspend=True)
    await amend(world, job, suspend=False)
    seen = await world.job(job)
    assert (seen.reason, seen.due_at) == (Reason.DELAYED, world.clock.at + 60_000_000)
    world.clock.advance(60)
    await world.promote()
    assert (await world.job(job)).phase is Phase.QUEUED


async def test_a_new_priority_reorders_ready_jobs(world):
    first, second = await world.submit(), await world.submit()
    await amend(world, second, priority=1)
    worker = await world.worker()
    assert [g.job for g in await worker.lease(5)] == [second, first]


async def test_a_new_priority_counts_from_when_the_job_became_ready(world):
    old = await world.submit()
    world.clock.advance(61)
    young = await world.submit(priority=2)
    world.clock.advance(100)
    await amend(world, old, priority=1)
    worker = await world.worker()
    assert [g.job for g in await worker.lease(5)] == [old, young]


async def test_a_new_priority_of_a_waiting_job_counts_when_it_becomes_ready(world):
    late = await world.submit(start_after=world.clock.at + 1_000_000)
    ready = await world.submit()
    await amend(world, late, priority=5)
    world.clock.advance(1)
    await world.promote()
    worker = await world.worker()
    assert [g.job for g in await worker.lease(5)] == [late, ready]


async def test_retention_of_a_finished_job_counts_from_its_finish(world):
    job = await world.submit()
    await world.cancel(job)
    finished = world.clock.at
    world.clock.advance(10)
    assert (await amend(world, job, ttl_seconds_after_finished=60)).outcome == "changed"
    assert (await world.job(job)).expires_at == finished + 60_000_000
    assert (await amend(world, job, ttl_seconds_after_failed=5)).outcome == "changed"
    assert (await world.job(job)).expires_at == finished + 60_000_000


async def test_an_amendment_that_changes_nothing_says_so(world):
    job = await world.submit(priority=3)
    before = await world.job(job)
    assert (await amend(world, job)).outcome == "unchanged"
    assert (await amend(world, job, priority=3, suspend=False)).outcome == "unchanged"
    assert await world.job(job) == before
    assert (await amend(world, "f" * 32, priority=1)).outcome == "not_found"


async def test_a_repeat_of_an_amendment_is_unchanged(world):
    job = await world.submit()
    assert [(await amend(world, job, priority=7, suspend=True)).outcome for _ in range(2)] == ["changed", "unchanged"]


@pytest.mark.parametrize("outcome", [AttemptOutcome.RELEASED, AttemptOutcome.INTERRUPTED])
async def test_a_suspended_job_whose_delivery_ends_waits(world, outcome):
    job = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await amend(world, job, suspend=True)
    await worker.settle(grant, outcome)
    assert (await world.job(job)).reason is Reason.SUSPENDED
