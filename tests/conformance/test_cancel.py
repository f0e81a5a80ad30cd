"""cancel: at once where nothing runs; else by whatever ends the lease. Scenario 9 in both orders."""

import pytest

from taskjob.model import AttemptOutcome, Phase, Reason
from taskjob_engine.store import JobRef


async def running(world, **fields):
    job = await world.submit(**fields)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    return job, worker, grant


@pytest.mark.parametrize(
    "fields",
    [{}, {"suspend": True}, {"start_after": 4_000_000_000_000_000}],
    ids=["ready", "suspended", "delayed"],
)
async def test_an_unleased_job_is_cancelled_at_once(world, fields):
    job = await world.submit(**fields)
    verdict = await world.cancel(job)
    assert (verdict.outcome, verdict.phase) == ("changed", Phase.CANCELLED)
    seen = await world.job(job)
    assert (seen.phase, seen.reason) == (Phase.CANCELLED, Reason.CANCEL_REQUESTED)
    assert seen.finished_at == seen.cancel_requested_at == world.clock.at
    assert seen.expires_at == world.clock.at + 86_400_000_000
    worker = await world.worker()
    assert await worker.lease(5) == []
    world.clock.at = 4_000_000_000_000_001
    await world.promote()
    assert (await world.job(job)).phase is Phase.CANCELLED


async def test_a_leased_job_says_cancelling_and_its_worker_is_told_until_it_ends(world):
    job, worker, grant = await running(world)
    verdict = await world.cancel(job)
    assert (verdict.outcome, verdict.phase) == ("changed", Phase.RUNNING)
    assert (await world.job(job)).reason is Reason.CANCELLING
    for _ in range(2):
        [order] = (await worker.renew()).cancelling
        assert (order.job, order.lease, order.reason) == (job, grant.lease, "CancelRequested")
    await worker.settle(grant, AttemptOutcome.CANCELLED)
    seen = await world.job(job)
    assert (seen.phase, seen.reason) == (Phase.CANCELLED, Reason.CANCEL_REQUESTED)
    assert (await worker.renew()).cancelling == ()


@pytest.mark.parametrize("outcome", list(AttemptOutcome))
async def test_scenario_09_cancel_before_settle_wins_whatever_the_settle_says(world, outcome):
    job, worker, grant = await running(world)
    await world.cancel(job)
    verdict = await worker.settle(grant, outcome, result=b"1")
    assert (verdict.verdict, verdict.phase) == ("accepted", Phase.CANCELLED)
    seen = await world.job(job)
    assert (seen.phase, seen.result) == (Phase.CANCELLED, None)


async def test_scenario_09_settle_before_cancel_wins(world):
    job, worker, grant = await running(world)
    await worker.complete(grant)
    verdict = await world.cancel(job)
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("refused", "Finished", Phase.COMPLETED)
    assert (await world.job(job)).phase is Phase.COMPLETED


async def test_only_the_worker_that_holds_a_cancelled_job_is_told(world):
    job, holder, _ = await running(world)
    _, other, _ = await running(world)
    await world.cancel(job)
    assert (await other.renew()).cancelling == ()
    assert [order.job for order in (await holder.renew()).cancelling] == [job]


async def test_scenario_09_the_worker_dies_while_cancelling(world):
    job, worker, grant = await running(world)
    await world.cancel(job)
    world.clock.advance(15)
    await world.expire()
    seen = await world.job(job)
    assert (seen.phase, seen.reason) == (Phase.CANCELLED, Reason.CANCEL_REQUESTED)
    assert (await worker.complete(grant)).verdict == "stale"


async def test_scenario_09_a_worker_that_leaves_while_cancelling(world):
    job, worker, _ = await running(world)
    await world.cancel(job)
    await worker.close(release=True)
    assert (await world.job(job)).phase is Phase.CANCELLED


async def test_a_failed_settle_between_cancel_and_retry_stays_with_the_retry(world):
    job, worker, grant = await running(world)
    await worker.fail(grant)
    assert (await world.cancel(job)).phase is Phase.CANCELLED
    world.clock.advance(600)
    await world.promote()
    assert (await world.job(job)).phase is Phase.CANCELLED


async def test_cancel_may_be_repeated(world):
    waiting = await world.submit()
    job, *_ = await running(world, queue="default", priority=9)
    for each in (waiting, job):
        assert [(await world.cancel(each)).outcome for _ in range(3)] == ["changed", "unchanged", "unchanged"]


async def test_a_repeated_cancel_changes_no_time_and_no_revision(world):
    job, *_ = await running(world)
    await world.cancel(job)
    before = await world.job(job)
    world.clock.advance(5)
    await world.cancel(job)
    assert await world.job(job) == before


async def test_a_missing_and_a_foreign_job_look_the_same(world):
    foreign = await world.submit(namespace="other")
    refs = [JobRef(namespace="default", id=job) for job in (foreign, "f" * 32)]
    assert [v.outcome for v in await world.store.cancel(refs)] == ["not_found", "not_found"]
    assert (await world.job(foreign, "other")).phase is Phase.QUEUED


async def test_verdicts_stand_in_the_order_of_the_items(world):
    one, two = await world.submit(), await world.submit()
    await world.cancel(two)
    refs = [JobRef(namespace="default", id=job) for job in (two, "f" * 32, one, one)]
    assert [v.outcome for v in await world.store.cancel(refs)] == ["unchanged", "not_found", "changed", "unchanged"]
