"""What each end of a delivery costs, and when the job comes again."""

import pytest

from taskjob.model import AttemptOutcome, BackoffChoice, ErrorInfo, Phase, Reason, RetryChoice

PLAIN = BackoffChoice(initial_seconds=2, multiplier=3, max_seconds=30, jitter_percent=0)


def policy(**fields):
    return RetryChoice(**({"backoff": PLAIN} | fields))


async def run(world, worker, outcome, **more):
    """One delivery of the only job that is due."""
    await world.promote()
    grant = await worker.lease_one()
    await worker.start(grant)
    return await worker.settle(grant, outcome, **more)


async def test_a_failed_attempt_backs_off_exponentially_up_to_the_maximum(world):
    job = await world.submit(retry=policy(max_attempts=6))
    worker = await world.worker()
    waits = []
    for _ in range(5):
        await run(world, worker, AttemptOutcome.FAILED)
        seen = await world.job(job)
        assert (seen.phase, seen.reason) == (Phase.RETRY_QUEUED, Reason.BACKOFF)
        waits.append((seen.due_at - world.clock.at) / 1_000_000)
        world.clock.at = seen.due_at
        await worker.renew()
    assert waits == [2, 6, 18, 30, 30]


async def test_g4_attempts_never_exceed_their_maximum(world):
    job = await world.submit(retry=policy(max_attempts=2))
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.FAILED, error=ErrorInfo(type="ValueError"))
    world.clock.advance(2)
    verdict = await run(world, worker, AttemptOutcome.TIMED_OUT)
    assert verdict.phase is Phase.DEAD_LETTER
    seen = await world.job(job)
    assert (seen.attempts, seen.reason, seen.last_error.type) == (2, Reason.ATTEMPTS_EXHAUSTED, "ValueError")
    assert seen.expires_at == world.clock.at + 1_209_600_000_000


@pytest.mark.parametrize(
    "end",
    [{"error": ErrorInfo(type="KeyError")}, {"error": ErrorInfo(type="OSError"), "retryable": False}],
    ids=["by the job's list", "by the worker's word"],
)
async def test_a_non_retryable_failure_is_final_at_once(world, end):
    job = await world.submit(retry=policy(non_retryable=("KeyError",)))
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.FAILED, **end)
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.attempts) == (Phase.DEAD_LETTER, Reason.NON_RETRYABLE, 1)


async def test_the_workers_delay_overrides_the_back_off(world):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.FAILED, delay_seconds=0.5)
    assert (await world.job(job)).due_at == world.clock.at + 500_000


@pytest.mark.parametrize("delay", [float("nan"), -1.0])
async def test_a_senseless_delay_is_none(world, delay):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.FAILED, delay_seconds=delay)
    assert (await world.job(job)).phase is Phase.QUEUED


async def test_an_endless_delay_is_cut_to_ten_years(world):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.SNOOZED, delay_seconds=float("inf"))
    seen = await world.job(job)
    assert (seen.reason, seen.due_at) == (Reason.SNOOZED, world.clock.at + 3650 * 86_400_000_000)


async def test_a_snooze_waits_uncharged(world):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.SNOOZED, delay_seconds=60)
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.attempts, seen.lost) == (Phase.SUBMITTED, Reason.SNOOZED, 0, 0)
    assert await worker.lease(1) == []
    world.clock.advance(60)
    await world.promote()
    await worker.renew()
    assert (await worker.lease_one()).delivery == 2


async def test_a_release_comes_again_at_once_uncharged(world):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.RELEASED)
    seen = await world.job(job)
    assert (seen.phase, seen.attempts, seen.lost, seen.interruptions, seen.deliveries) == (Phase.QUEUED, 0, 0, 0, 1)


async def test_g4_interruptions_cost_no_attempt_and_are_bounded(world):
    """Scenario 15: a job longer than the time between deploys ends some day."""
    job = await world.submit(retry=policy(max_attempts=1, max_lost=0))
    worker = await world.worker()
    for count in range(1, 21):
        await run(world, worker, AttemptOutcome.INTERRUPTED)
        seen = await world.job(job)
        assert (seen.phase, seen.interruptions, seen.attempts, seen.lost) == (Phase.QUEUED, count, 0, 0)
    await run(world, worker, AttemptOutcome.INTERRUPTED)
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.interruptions) == (Phase.DEAD_LETTER, Reason.INTERRUPTIONS_EXHAUSTED, 20)


async def test_scenario_15_a_checkpoint_survives_every_interruption(world):
    job = await world.submit()
    worker = await world.worker()
    for step in range(5):
        grant = await worker.lease_one()
        assert grant.checkpoint == (None if step == 0 else str(step).encode())
        await worker.start(grant)
        await worker.report(grant, checkpoint=str(step + 1).encode())
        await worker.settle(grant, AttemptOutcome.INTERRUPTED)
    last = await worker.lease_one()
    assert last.checkpoint == b"5"
    await worker.complete(last)
    assert (await world.job(job)).interruptions == 5


async def test_g4_deliveries_are_bounded_whatever_happens(world):
    job = await world.submit(retry=policy(max_attempts=1, max_lost=0))
    worker = await world.worker()
    for _ in range(40):
        await run(world, worker, AttemptOutcome.SNOOZED, delay_seconds=0)
    assert (await world.job(job)).phase is Phase.QUEUED
    await run(world, worker, AttemptOutcome.SNOOZED, delay_seconds=0)
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.deliveries) == (Phase.DEAD_LETTER, Reason.DELIVERIES_EXHAUSTED, 41)


async def test_g4_a_crash_counts_as_lost_and_backs_off(world):
    job = await world.submit(retry=policy(max_lost=1))
    worker = await world.worker()
    crash = {"error": ErrorInfo(type="Crashed", message="killed by SIGSEGV")}
    await run(world, worker, AttemptOutcome.CRASHED, **crash)
    seen = await world.job(job)
    assert (seen.phase, seen.lost, seen.attempts) == (Phase.RETRY_QUEUED, 1, 0)
    assert seen.due_at == world.clock.at + 2_000_000
    world.clock.advance(2)
    await run(world, worker, AttemptOutcome.CRASHED, **crash)
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.lost) == (Phase.DEAD_LETTER, Reason.LOST_EXHAUSTED, 1)
    assert seen.last_error.message == "killed by SIGSEGV"


async def test_a_task_may_cancel_its_own_job(world):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.CANCELLED)
    seen = await world.job(job)
    assert (seen.phase, seen.reason) == (Phase.CANCELLED, Reason.CANCELLED_BY_TASK)


async def test_the_history_of_all_deliveries_is_kept_in_order(world):
    job = await world.submit(retry=policy(max_attempts=3))
    worker = await world.worker()
    ends = [AttemptOutcome.RELEASED, AttemptOutcome.FAILED, AttemptOutcome.INTERRUPTED, AttemptOutcome.COMPLETED]
    for end in ends:
        await run(world, worker, end, error=None)
        world.clock.advance(3)
        await worker.renew()
    history = await world.attempts(job)
    assert [a.outcome for a in history] == ends
    assert [a.number for a in history] == [1, 2, 3, 4]


async def test_the_standing_delivery_is_the_last_of_the_history(world):
    job = await world.submit()
    worker = await world.worker()
    await run(world, worker, AttemptOutcome.RELEASED)
    await worker.lease_one()
    assert [(a.number, a.outcome) for a in await world.attempts(job)] == [(1, AttemptOutcome.RELEASED), (2, None)]
