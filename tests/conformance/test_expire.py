"""expire: lapses, time-outs, bounded steps, and who pays for a worker's death."""

import pytest

from taskjob.model import AttemptOutcome, Phase, Reason, RetryChoice


async def test_g4_a_started_lease_that_lapses_is_lost_and_one_never_started_is_released(world):
    started, prefetched = await world.submit(), await world.submit()
    worker = await world.worker()
    grants = await worker.lease(2)
    await worker.start(grants[0])
    world.clock.advance(15)
    done = await world.expire()
    assert (done.lapsed, done.released, done.sessions, done.more) == (1, 1, 1, False)
    lost, released = await world.job(started), await world.job(prefetched)
    assert (lost.phase, lost.lost, lost.attempts) == (Phase.QUEUED, 1, 0)
    assert (released.phase, released.lost, released.interruptions, released.attempts) == (Phase.QUEUED, 0, 0, 0)
    assert lost.last_error.type == "LeaseExpired"
    assert released.last_error is None
    outcomes = [(await world.attempts(j))[0].outcome for j in (started, prefetched)]
    assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.RELEASED]


async def test_nothing_lapses_before_its_time(world):
    job = await world.submit()
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    world.clock.advance(14.999)
    done = await world.expire()
    assert (done.lapsed, done.sessions) == (0, 0)
    assert (await world.job(job)).phase is Phase.RUNNING


async def test_expire_may_be_repeated(world):
    await world.submit()
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    world.clock.advance(15)
    assert [(await world.expire()).lapsed for _ in range(3)] == [1, 0, 0]


async def test_steps_are_bounded_and_say_that_there_is_more(world):
    for _ in range(5):
        await world.submit()
    worker = await world.worker()
    await worker.lease(5)
    world.clock.advance(15)
    steps = []
    while not steps or steps[-1].more:
        steps.append(await world.store.expire(2))
    assert sum(step.released for step in steps) == 5
    assert max(step.released for step in steps) <= 2
    assert {j.phase for j in await world.all_jobs()} == {Phase.QUEUED}


async def test_scenario_04_a_poison_job_dies_and_its_ten_neighbours_pay_nothing(world):
    poison = await world.submit(priority=10, retry=RetryChoice(max_attempts=5, max_lost=3))
    innocents = [await world.submit() for _ in range(10)]
    deaths = 0
    while (await world.job(poison)).phase is not Phase.DEAD_LETTER:
        worker = await world.worker(slots=11)
        grants = await worker.lease(11)
        assert len(grants) == 11
        [bad] = [g for g in grants if g.job == poison]
        assert bad.suspect == (deaths >= 2)
        await worker.start(bad)  # the others are prefetched
        await worker.close(within_seconds=0)
        await world.expire()
        deaths += 1
        assert deaths < 10, "it loops for ever"
    seen = await world.job(poison)
    assert (seen.reason, seen.lost, seen.attempts, deaths) == (Reason.LOST_EXHAUSTED, 3, 0, 4)
    for job in innocents:
        innocent = await world.job(job)
        assert (innocent.phase, innocent.lost, innocent.attempts, innocent.suspect) == (Phase.QUEUED, 0, 0, False)


async def test_with_max_lost_0_the_first_started_loss_is_final(world):
    job = await world.submit(retry=RetryChoice(max_lost=0))
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    world.clock.advance(15)
    await world.expire()
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.lost) == (Phase.DEAD_LETTER, Reason.LOST_EXHAUSTED, 0)


async def test_only_jobs_present_at_two_deaths_are_suspect(world):
    job = await world.submit()
    for lost in range(3):
        worker = await world.worker()
        grant = await worker.lease_one()
        assert grant.suspect == (lost >= 2)
        assert (await world.job(job)).suspect == (lost >= 2)
        await worker.start(grant)
        await worker.close(within_seconds=0)
        await world.expire()
        assert (await world.job(job)).lost == lost + 1


async def test_an_attempt_over_its_time_is_ended_a_ttl_later_and_charged(world):
    job = await world.submit(timeout_seconds=10)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    world.clock.advance(10)
    [order] = (await worker.renew()).cancelling
    assert order.reason == "TimedOut"
    world.clock.advance(14.9)
    await worker.renew()
    assert (await world.expire()).timed_out == 0
    world.clock.advance(0.1)
    await worker.renew()
    assert (await world.expire()).timed_out == 1
    seen = await world.job(job)
    assert (seen.phase, seen.attempts, seen.last_error.type) == (Phase.RETRY_QUEUED, 1, "AttemptTimedOut")
    late = await worker.complete(grant)
    assert (late.verdict, late.reason) == ("stale", "Expired")
    assert [m.reason for m in (await worker.renew(holding=((grant.job, grant.lease),))).lost] == ["Expired"]


async def test_a_prefetched_job_does_not_time_out_before_it_starts(world):
    job = await world.submit(timeout_seconds=1)
    worker = await world.worker()
    await worker.lease_one()
    for _ in range(10):
        world.clock.advance(10)
        await worker.renew()
        assert (await world.expire()).timed_out == 0
    assert (await world.job(job)).phase is Phase.ASSIGNED


@pytest.mark.parametrize(("seconds", "stands"), [(1, 600), (1000, 1000)])
async def test_a_lease_that_never_starts_goes_back_uncharged(world, seconds, stands):
    job = await world.submit(timeout_seconds=seconds)
    worker = await world.worker(ttl_seconds=15)
    grant = await worker.lease_one()
    world.clock.advance(stands + 14)
    assert (await worker.renew(holding=((grant.job, grant.lease),))).cancelling == ()
    assert (await world.expire()).released == 0
    world.clock.advance(1)
    await worker.renew()
    done = await world.expire()
    assert (done.released, done.timed_out, done.lapsed, done.more) == (1, 0, 0, False)
    seen = await world.job(job)
    assert (seen.phase, seen.attempts, seen.lost, seen.interruptions) == (Phase.QUEUED, 0, 0, 0)
    assert [lost.reason for lost in (await worker.renew(holding=((grant.job, grant.lease),))).lost] == ["Expired"]


async def test_a_lease_that_never_starts_ends_with_the_deadline(world):
    job = await world.submit(active_deadline_seconds=30)
    worker = await world.worker(ttl_seconds=15)
    await worker.lease_one()
    world.clock.advance(44)
    await worker.renew()
    assert (await world.expire()).released == 0
    world.clock.advance(1)
    await worker.renew()
    assert (await world.expire()).released == 1
    assert (await world.job(job)).reason is Reason.DEADLINE_EXCEEDED


async def test_the_start_replaces_the_time_of_the_grant(world):
    await world.submit(timeout_seconds=30)
    worker = await world.worker(ttl_seconds=15)
    grant = await worker.lease_one()
    world.clock.advance(10)
    await worker.start(grant)
    world.clock.advance(30)
    assert [order.reason for order in (await worker.renew()).cancelling] == ["TimedOut"]


async def test_a_lapse_survives_a_restart(world):
    job = await world.submit()
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    await world.reopen()
    world.clock.advance(15)
    assert (await world.expire()).lapsed == 1
    assert (await world.job(job)).lost == 1


async def test_scenario_01_a_restart_alone_costs_nothing(world):
    job = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    await world.reopen()
    assert (await worker.renew(holding=((grant.job, grant.lease),))).lost == ()
    await world.expire()
    assert (await worker.complete(grant)).verdict == "accepted"
    seen = await world.job(job)
    assert (seen.lost, seen.interruptions, seen.deliveries) == (0, 0, 1)


async def test_next_due_at_tells_when_time_will_change_something(world):
    assert await world.store.next_due_at() is None
    start = world.clock.at
    await world.submit(start_after=start + 60_000_000)
    assert await world.store.next_due_at() == start + 60_000_000
    await world.submit(active_deadline_seconds=30)
    assert await world.store.next_due_at() == start + 30_000_000
    await world.worker()
    assert await world.store.next_due_at() == start + 15_000_000


async def test_the_end_and_the_ttl_of_another_session_do_not_concern_a_job(world):
    job = await world.submit(timeout_seconds=10)
    worker, other = await world.worker(), await world.worker(ttl_seconds=1)
    granted_at = world.clock.at
    await worker.start(await worker.lease_one())
    assert await other.close(release=True)
    assert await world.store.next_due_at() == granted_at + 15_000_000
    world.clock.advance(12)
    done = await world.expire()
    assert (done.lapsed, done.released, done.timed_out) == (0, 0, 0)
    assert (await world.job(job)).phase is Phase.RUNNING


async def test_scenario_02_time_that_the_clock_jumped_over_ends_no_attempt(world):
    job = await world.submit(timeout_seconds=10)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.start(grant)
    world.clock.jump(3600)
    await worker.renew()
    assert (await world.store.expire(10, skipped_seconds=3600)).timed_out == 0
    assert (await world.job(job)).phase is Phase.RUNNING
    world.clock.advance(24.9)
    await worker.renew()
    assert (await world.store.expire(10, skipped_seconds=3600)).timed_out == 0
    world.clock.advance(0.1)
    assert (await world.store.expire(10, skipped_seconds=3600)).timed_out == 1


async def test_dead_letters_of_the_clock_are_counted_by_queue_and_task(world):
    once = RetryChoice(max_lost=0)
    for _ in range(2):
        await world.submit(retry=once, priority=1)
    survivor = await world.submit(priority=1)
    worker = await world.worker()
    await worker.start(*await worker.lease(3))
    overdue = {"active_deadline_seconds": 10, "queue": "media"}
    await world.submit(task="thumbnail", **overdue)
    await world.submit(**overdue)
    world.clock.advance(15)
    done = await world.expire()
    assert (done.lapsed, done.deadlines) == (3, 2)
    told = [(dead.namespace, dead.queue, dead.task, dead.count) for dead in done.dead_letters]
    assert told == [
        ("default", "default", "demo", 2),
        ("default", "media", "demo", 1),
        ("default", "media", "thumbnail", 1),
    ]
    assert (await world.job(survivor)).phase is Phase.QUEUED
    assert (await world.expire()).dead_letters == ()


async def test_an_attempt_that_was_timed_out_for_the_last_time_is_a_dead_letter_of_the_clock(world):
    await world.submit(retry=RetryChoice(max_attempts=1), timeout_seconds=5)
    worker = await world.worker()
    await worker.start(await worker.lease_one())
    world.clock.advance(14)
    await worker.renew()
    world.clock.advance(6)
    done = await world.expire()
    assert (done.timed_out, [dead.count for dead in done.dead_letters]) == (1, [1])


async def test_a_job_that_lapses_and_is_past_its_deadline_dies_once(world):
    await world.submit(active_deadline_seconds=10)
    worker = await world.worker()
    await worker.lease_one()
    world.clock.advance(15)
    done = [await world.expire(), await world.expire()]
    assert sum(dead.count for step in done for dead in step.dead_letters) == 1
