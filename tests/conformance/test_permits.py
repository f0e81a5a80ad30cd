"""Concurrency keys: a permit is held while ready or leased, and handed on in the transaction that frees it."""

import asyncio
import time

import pytest

from taskjob.model import AttemptOutcome, Phase, Reason
from taskjob_engine.store import Amendment, JobRef


async def keyed(world, count, **fields):
    """Jobs of one key, each a millisecond younger than the one before."""
    jobs = []
    for _ in range(count):
        jobs.append(await world.submit(**({"concurrency_key": "k"} | fields)))
        world.clock.advance(0.001)
    return jobs


async def states(world, jobs):
    return [(await world.job(job)).reason for job in jobs]


async def test_one_job_of_a_key_is_eligible_and_the_others_wait_limited(world):
    jobs = await keyed(world, 3)
    assert await states(world, jobs) == [Reason.QUEUED, Reason.LIMITED, Reason.LIMITED]
    seen = await world.job(jobs[1])
    assert seen.phase is Phase.SUBMITTED
    await world.promote()
    assert await states(world, jobs) == [Reason.QUEUED, Reason.LIMITED, Reason.LIMITED]


async def test_keys_queues_and_namespaces_are_limited_apart(world):
    jobs = [
        await world.submit(concurrency_key="k"),
        await world.submit(concurrency_key="other"),
        await world.submit(concurrency_key="k", queue="other"),
        await world.submit(),
    ]
    assert await states(world, jobs) == [Reason.QUEUED] * 4
    foreign = await world.submit(concurrency_key="k", namespace="other")
    assert (await world.job(foreign, "other")).reason is Reason.QUEUED


async def test_a_finished_job_hands_its_permit_to_the_best_ranked_waiter(world):
    first, second, _ = await keyed(world, 3)
    urgent = await world.submit(concurrency_key="k", priority=5)
    worker = await world.worker()
    await worker.complete(await worker.lease_one())
    assert (await world.job(urgent)).phase is Phase.QUEUED
    grant = await worker.lease_one()
    assert grant.job == urgent
    assert await worker.lease(5) == []
    await worker.complete(grant)
    assert [g.job for g in await worker.lease(5)] == [second]
    assert (await world.job(first)).phase is Phase.COMPLETED


async def test_scenario_05_two_facades_claiming_at_once_run_one_job_of_a_key(world):
    await keyed(world, 10)
    workers = [await world.worker() for _ in range(5)]
    for _ in range(10):
        calls = await asyncio.gather(*(asyncio.create_task(w.lease(5)) for w in workers))
        [(worker, grant)] = [(w, g) for w, call in zip(workers, calls, strict=True) for g in call]
        await worker.complete(grant)
    assert [j.phase for j in await world.all_jobs()] == [Phase.COMPLETED] * 10


async def test_scenario_05_a_crowd_of_blocked_jobs_at_the_head_costs_others_nothing(world):
    for _ in range(10):
        items = [world.submission(concurrency_key="k", priority=100) for _ in range(500)]
        await world.submit_call(*items)
    free = [await world.submit() for _ in range(3)]
    worker = await world.worker()
    before = time.perf_counter()
    grants = await worker.lease(100)
    assert time.perf_counter() - before < 1.0
    assert len(grants) == 4
    assert [g.job for g in grants[1:]] == free


async def test_scenario_05_a_crashed_holder_keeps_its_permit_until_its_full_expiry(world):
    first, second = await keyed(world, 2)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    await worker.close(within_seconds=3)
    world.clock.advance(14.9)
    await world.expire()
    assert (await world.job(first)).phase is Phase.RUNNING
    assert (await world.job(second)).reason is Reason.LIMITED
    world.clock.advance(0.1)
    assert (await world.expire()).lapsed == 1
    seen = await world.job(first)
    assert (seen.phase, seen.lost) == (Phase.QUEUED, 1)
    assert (await world.job(second)).reason is Reason.LIMITED, "the lost job is eligible again and keeps the permit"


async def test_scenario_05_a_certain_death_does_not_free_a_permit_early(world):
    [first] = await keyed(world, 1)
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    await worker.close(within_seconds=0)
    await world.expire()
    assert (await world.job(first)).phase is Phase.RUNNING
    world.clock.advance(15)
    await world.expire()
    assert (await world.job(first)).phase is Phase.QUEUED


async def test_a_worker_cut_off_may_still_settle_its_keyed_job(world):
    first, second = await keyed(world, 2)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    await worker.close(within_seconds=0)
    await world.expire()
    assert (await worker.complete(grant)).verdict == "accepted"
    assert [(await world.job(j)).phase for j in (first, second)] == [Phase.COMPLETED, Phase.QUEUED]


async def test_a_worker_that_says_bye_frees_its_permit_at_once(world):
    first, second = await keyed(world, 2)
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    await worker.close(release=True)
    assert (await world.job(first)).phase is Phase.QUEUED
    assert (await world.job(second)).reason is Reason.LIMITED


async def test_a_back_off_gives_the_permit_up_and_asks_again(world):
    first, second = await keyed(world, 2)
    worker = await world.worker()
    await worker.fail(await worker.lease_one(), delay_seconds=5)
    assert await states(world, [first, second]) == [Reason.BACKOFF, Reason.QUEUED]
    world.clock.advance(5)
    await world.promote()
    assert await states(world, [first, second]) == [Reason.LIMITED, Reason.QUEUED]
    await worker.complete(await worker.lease_one())
    assert (await world.job(first)).phase is Phase.QUEUED


@pytest.mark.parametrize("outcome", [AttemptOutcome.RELEASED, AttemptOutcome.INTERRUPTED, AttemptOutcome.LOST], ids=str)
async def test_a_job_that_goes_back_to_ready_keeps_its_permit(world, outcome):
    first, second = await keyed(world, 2)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    await worker.settle(grant, outcome)
    assert await states(world, [first, second]) == [Reason.QUEUED, Reason.LIMITED]


@pytest.mark.parametrize("how", ["cancel", "suspend", "purge after cancel"])
async def test_a_ready_holder_that_leaves_hands_its_permit_on(world, how):
    first, second, third = await keyed(world, 3)
    if how == "suspend":
        ref = JobRef(namespace="default", id=first)
        await world.store.amend([Amendment(ref=ref, suspend=True)])
    else:
        await world.cancel(first)
    if how == "purge after cancel":
        await world.store.purge([JobRef(namespace="default", id=first)])
    assert await states(world, [second, third]) == [Reason.QUEUED, Reason.LIMITED]


async def test_a_waiter_that_leaves_is_skipped(world):
    first, second, third, fourth = await keyed(world, 4)
    await world.cancel(second)
    await world.store.amend([Amendment(ref=JobRef(namespace="default", id=third), suspend=True)])
    await world.cancel(first)
    assert (await world.job(fourth)).phase is Phase.QUEUED
    await world.store.amend([Amendment(ref=JobRef(namespace="default", id=third), suspend=False)])
    assert (await world.job(third)).reason is Reason.LIMITED


async def test_a_waiters_new_priority_counts(world):
    first, _, third = await keyed(world, 3)
    await world.store.amend([Amendment(ref=JobRef(namespace="default", id=third), priority=1)])
    await world.cancel(first)
    assert (await world.job(third)).phase is Phase.QUEUED


async def test_a_raised_limit_hands_out_and_a_lowered_one_takes_none_back(world):
    jobs = await keyed(world, 6)
    await world.queue(per_concurrency_key=3)
    assert await states(world, jobs) == [Reason.QUEUED] * 3 + [Reason.LIMITED] * 3
    await world.queue(per_concurrency_key=2)
    assert await states(world, jobs) == [Reason.QUEUED] * 3 + [Reason.LIMITED] * 3
    await world.cancel(jobs[0])
    assert await states(world, jobs[1:]) == [Reason.QUEUED] * 2 + [Reason.LIMITED] * 3
    await world.cancel(jobs[1])
    assert await states(world, jobs[2:]) == [Reason.QUEUED] * 2 + [Reason.LIMITED] * 2


async def test_many_settles_in_one_call_hand_on_as_many_permits(world):
    await world.queue(per_concurrency_key=3)
    jobs = await keyed(world, 8)
    worker = await world.worker()
    grants = await worker.lease(8)
    assert [g.job for g in grants] == jobs[:3]
    await world.store.settle([worker.settlement(g, AttemptOutcome.COMPLETED) for g in grants])
    assert await states(world, jobs[3:]) == [Reason.QUEUED] * 3 + [Reason.LIMITED] * 2


async def test_a_rerun_asks_for_a_permit_like_any_other(world):
    first, second = await keyed(world, 2)
    await world.cancel(first)
    await world.rerun(first)
    assert await states(world, [first, second]) == [Reason.LIMITED, Reason.QUEUED]


async def test_never_more_jobs_of_a_key_at_once_than_its_limit(world):
    await world.queue(per_concurrency_key=2)
    await keyed(world, 20)
    worker = await world.worker(slots=20)
    done = 0
    while done < 20:
        grants = await worker.lease(20)
        assert len(grants) == 2
        await worker.complete(grants[0])
        await worker.settle(grants[1], AttemptOutcome.COMPLETED)
        done += 2
        holders = [j for j in await world.all_jobs() if j.phase in {Phase.QUEUED, Phase.ASSIGNED}]
        assert len(holders) <= 2


async def test_a_delayed_job_takes_no_permit_before_its_time(world):
    late = await world.submit(concurrency_key="k", start_after=world.clock.at + 5_000_000)
    now = await world.submit(concurrency_key="k")
    assert await states(world, [late, now]) == [Reason.DELAYED, Reason.QUEUED]


async def test_permits_survive_a_restart(world):
    first, second = await keyed(world, 2)
    await world.reopen()
    await world.cancel(first)
    assert (await world.job(second)).phase is Phase.QUEUED
