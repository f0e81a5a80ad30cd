"""settle: one recorded outcome per delivery, fenced, replayable."""

import asyncio

import msgspec
import pytest

from taskjob.model import AttemptOutcome, ErrorInfo, Phase, Reason
from taskjob_engine.store import JobRef


async def leased(world, **fields):
    job = await world.submit(**fields)
    worker = await world.worker()
    return job, worker, await worker.lease_one()


async def test_a_completed_job_keeps_its_result_and_history(world):
    job, worker, grant = await leased(world)
    await worker.start(grant)
    world.clock.advance(2)
    verdict = await worker.complete(grant, result=b'{"ok":true}')
    assert (verdict.verdict, verdict.phase, verdict.namespace) == ("accepted", Phase.COMPLETED, "default")
    assert (verdict.queue, verdict.task) == ("default", "demo")
    seen = await world.job(job)
    assert (seen.phase, seen.reason, bytes(seen.result)) == (Phase.COMPLETED, Reason.COMPLETED, b'{"ok":true}')
    assert (seen.attempts, seen.finished_at) == (1, world.clock.at)
    assert seen.expires_at == world.clock.at + 86_400_000_000
    [attempt] = await world.attempts(job)
    assert (attempt.run, attempt.number, attempt.worker, attempt.outcome) == (0, 1, "w1", AttemptOutcome.COMPLETED)
    assert attempt.finished_at - attempt.started_at == 2_000_000


async def test_a_result_may_live_elsewhere(world):
    job, worker, grant = await leased(world)
    await worker.complete(grant, result_ref="default/x/0.1/aa/result.json")
    seen = await world.job(job)
    assert (seen.result, seen.result_ref) == (None, "default/x/0.1/aa/result.json")


async def test_an_attempt_whose_start_was_never_told_began_its_duration_ago(world):
    job, worker, grant = await leased(world)
    world.clock.advance(5)
    await worker.complete(grant, duration_seconds=2)
    [attempt] = await world.attempts(job)
    assert attempt.started_at == world.clock.at - 2_000_000
    assert (await world.job(job)).started_at == attempt.started_at


async def test_g3_a_settle_sent_twice_is_replayed_and_changes_nothing(world):
    job, worker, grant = await leased(world)
    await worker.complete(grant, result=b"1")
    before = await world.job(job)
    again = await worker.complete(grant, result=b"2")
    assert (again.verdict, again.reason) == ("replayed", None)
    assert await world.job(job) == before


async def test_scenario_03_a_failure_sent_twice_is_charged_once(world):
    job, worker, grant = await leased(world)
    assert (await worker.fail(grant)).verdict == "accepted"
    assert (await worker.fail(grant)).verdict == "replayed"
    assert (await world.job(job)).attempts == 1


async def test_a_replay_is_found_after_the_job_went_on(world):
    job, worker, grant = await leased(world)
    await worker.fail(grant, delay_seconds=0)
    second = await worker.lease_one()
    assert (await worker.fail(grant)).verdict == "replayed"
    assert (await worker.complete(second)).verdict == "accepted"
    await world.rerun(job)
    assert (await worker.complete(second)).verdict == "replayed"
    assert (await world.job(job)).run == 1


async def test_g2_another_outcome_for_the_same_lease_is_stale(world):
    job, worker, grant = await leased(world)
    await worker.complete(grant)
    late = await worker.fail(grant)
    assert (late.verdict, late.reason) == ("stale", "Finished")
    assert (await world.job(job)).phase is Phase.COMPLETED


async def test_the_same_settle_twice_in_one_call(world):
    _, worker, grant = await leased(world)
    settlement = worker.settlement(grant, AttemptOutcome.COMPLETED)
    verdicts = await world.store.settle([settlement, settlement])
    assert [v.verdict for v in verdicts] == ["accepted", "replayed"]


async def test_g3_a_forged_lease_is_stale(world):
    job, worker, grant = await leased(world)
    forged = worker.settlement(grant, AttemptOutcome.COMPLETED)
    for lease in ("0" * 32, "", grant.lease.upper(), grant.lease[:-1]):
        [verdict] = await world.store.settle([_with(forged, lease=lease)])
        assert (verdict.verdict, verdict.reason) == ("stale", "Superseded")
    assert (await world.job(job)).phase is Phase.ASSIGNED


async def test_g3_a_forged_lease_of_a_completed_job_is_no_replay(world):
    _, worker, grant = await leased(world)
    await worker.complete(grant)
    forged = _with(worker.settlement(grant, AttemptOutcome.COMPLETED), lease="0" * 32)
    [verdict] = await world.store.settle([forged])
    assert verdict.verdict == "stale"
    assert (await worker.complete(grant)).verdict == "replayed"


async def test_g3_a_lease_is_bound_to_its_session_and_principal(world):
    job, worker, grant = await leased(world)
    thief = await world.worker(principal="token:thief")
    for session, principal in (
        (thief.session, thief.principal),
        (worker.session, thief.principal),
        (thief.session, worker.principal),
        ("0" * 32, worker.principal),
    ):
        settlement = _with(worker.settlement(grant, AttemptOutcome.COMPLETED), session=session, principal=principal)
        [verdict] = await world.store.settle([settlement])
        assert (verdict.verdict, verdict.reason) == ("stale", "WrongWorker")
    assert (await world.job(job)).phase is Phase.ASSIGNED
    assert (await worker.complete(grant)).verdict == "accepted"


async def test_g3_a_replay_is_told_to_its_own_worker_only(world):
    _, worker, grant = await leased(world)
    await worker.complete(grant)
    thief = await world.worker(principal="token:thief")
    for session, principal in ((thief.session, thief.principal), (worker.session, thief.principal)):
        settlement = _with(worker.settlement(grant, AttemptOutcome.COMPLETED), session=session, principal=principal)
        [verdict] = await world.store.settle([settlement])
        assert (verdict.verdict, verdict.reason) == ("stale", "WrongWorker")


async def test_g3_a_worker_of_another_namespace_sees_no_job(world):
    job, _, grant = await leased(world)
    far = await world.worker(namespace="far")
    [verdict] = await world.store.settle([far.settlement(grant, AttemptOutcome.COMPLETED)])
    assert (verdict.verdict, verdict.reason) == ("stale", "UnknownJob")
    assert (await world.job(job)).phase is Phase.ASSIGNED


async def test_an_unknown_job_is_stale(world):
    _, worker, grant = await leased(world)
    [verdict] = await world.store.settle([_with(worker.settlement(grant, AttemptOutcome.COMPLETED), job="f" * 32)])
    assert (verdict.verdict, verdict.reason) == ("stale", "UnknownJob")


async def test_a_lapsed_lease_is_stale_with_expired_and_the_new_one_counts(world):
    job, worker, grant = await leased(world)
    await worker.start(grant)
    world.clock.advance(15)
    await world.expire()
    late = await worker.complete(grant)
    assert (late.verdict, late.reason) == ("stale", "Expired")
    other = await world.worker(worker="w2")
    second = await other.lease_one()
    late = await worker.complete(grant)
    assert (late.verdict, late.reason) == ("stale", "Expired")
    assert (await other.complete(second)).verdict == "accepted"
    assert [a.outcome for a in await world.attempts(job)] == [AttemptOutcome.LOST, AttemptOutcome.COMPLETED]


async def test_a_settle_after_the_expiry_but_before_the_sweep_counts(world):
    job, worker, grant = await leased(world)
    world.clock.advance(60)
    assert (await worker.complete(grant)).verdict == "accepted"
    await world.expire()
    assert (await world.job(job)).phase is Phase.COMPLETED


async def test_bad_settles_do_not_spoil_the_good_ones_between_them(world):
    jobs = [await world.submit() for _ in range(5)]
    worker = await world.worker()
    items = [worker.settlement(g, AttemptOutcome.COMPLETED) for g in await worker.lease(5)]
    items[1] = _with(items[1], lease="0" * 32)
    items[3] = _with(items[3], job="0" * 32)
    verdicts = [v.verdict for v in await world.store.settle(items)]
    assert verdicts == ["accepted", "stale", "accepted", "stale", "accepted"]
    phases = [(await world.job(j)).phase for j in jobs]
    assert phases == [Phase.COMPLETED, Phase.ASSIGNED, Phase.COMPLETED, Phase.ASSIGNED, Phase.COMPLETED]


@pytest.mark.parametrize("order", ["settle first", "cancel first"])
async def test_scenario_07_overlapping_settles_and_cancels_of_two_facades(world, order):
    jobs = [await world.submit() for _ in range(40)]
    worker = await world.worker()
    grants = {g.job: g for g in await worker.lease(40)}
    settling = [worker.settlement(grants[job], AttemptOutcome.COMPLETED) for job in jobs[:30]]
    cancelling = [JobRef(namespace="default", id=job) for job in reversed(jobs[10:])]
    calls = [world.store.settle(settling), world.store.cancel(cancelling)]
    if order == "cancel first":
        calls.reverse()
    await asyncio.gather(*(asyncio.create_task(call) for call in calls))
    first = order == "settle first"
    phases = [(await world.job(job)).phase for job in jobs]
    assert phases[:10] == [Phase.COMPLETED] * 10
    assert phases[10:30] == [Phase.COMPLETED if first else Phase.CANCELLED] * 20
    assert [(await world.job(job)).reason for job in jobs[30:]] == [Reason.CANCELLING] * 10


async def test_an_error_is_kept_on_the_job_and_its_attempt(world):
    job, worker, grant = await leased(world)
    error = ErrorInfo(type="KeyError", message="'x'", traceback="line 1\nline 2")
    await worker.settle(grant, AttemptOutcome.FAILED, error=error)
    assert (await world.job(job)).last_error == error
    assert (await world.attempts(job))[0].error == error


def _with(settlement, **changes):
    return msgspec.structs.replace(settlement, **changes)


async def test_an_id_that_is_none_spoils_no_other_settle(world):
    job, worker, grant = await leased(world)
    good = worker.settlement(grant, AttemptOutcome.COMPLETED)
    odd = msgspec.structs.replace(good, job=job + "\0")
    assert [(await world.store.settle([item]))[0].verdict for item in (odd, good)] == ["stale", "accepted"]
    assert (await world.job(job)).phase is Phase.COMPLETED


async def test_g3_a_forged_lease_of_a_completed_job_is_no_repeat(world):
    await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.complete(grant)
    forged = _with(worker.settlement(grant, AttemptOutcome.COMPLETED), lease="f" * 32)
    [verdict] = await world.store.settle([forged])
    assert verdict.verdict == "stale"


async def test_g3_a_thief_s_own_settle_in_the_same_call_does_not_vouch_for_another_s(world):
    for _ in range(4):
        await world.submit()
    one, other = await world.worker(principal="token:thief"), await world.worker()
    calls = []
    for thief, owner in ((one, other), (other, one)):  # whichever session the store reads first
        own, stolen = await thief.lease_one(), await owner.lease_one()
        forged = _with(owner.settlement(stolen, AttemptOutcome.COMPLETED), principal=thief.principal)
        calls += [thief.settlement(own, AttemptOutcome.COMPLETED), forged]
    verdicts = await world.store.settle(calls)
    assert [v.verdict for v in verdicts] == ["accepted", "stale"] * 2
