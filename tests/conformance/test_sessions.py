"""Sessions: one expiry for all leases, epochs, resume, holding, and leaving."""

import pytest

from taskjob.errors import ConflictError
from taskjob.model import AttemptOutcome, Phase
from taskjob_engine.store import JobRef, Renewal, SessionEnd


def held(*grants):
    return tuple((g.job, g.lease) for g in grants)


async def two_leases(world, **fields):
    for _ in range(2):
        await world.submit(**fields)
    worker = await world.worker()
    return worker, *await worker.lease(2)


async def test_a_session_opens_at_epoch_1_and_only_once(world):
    worker = await world.worker("a" * 32)
    assert worker.epoch == 1
    with pytest.raises(ConflictError):
        await world.worker("a" * 32)


async def test_a_renewal_keeps_every_lease_of_the_session(world):
    worker, first, second = await two_leases(world)
    for _ in range(4):
        world.clock.advance(14)
        assert (await worker.renew()).renewed
        await world.expire()
    assert (await world.job(first.job)).phase is Phase.ASSIGNED
    assert (await worker.complete(second)).verdict == "accepted"


async def test_g3_a_new_epoch_supersedes_the_old_connection(world):
    worker, first, _ = await two_leases(world)
    old = worker.ref
    resumed = await worker.renew(new_epoch=True)
    assert resumed.epoch == 2
    late = await worker.renew()
    assert (late.renewed, late.reason) == (False, "Superseded")
    assert not await worker.close(within_seconds=0)
    worker.epoch = resumed.epoch
    assert (await worker.renew()).renewed
    assert old.epoch == 1
    assert (await world.job(first.job)).phase is Phase.ASSIGNED


async def test_scenario_01_a_late_end_of_the_old_connection_does_not_lapse_the_resumed_session(world):
    worker, first, _ = await two_leases(world)
    await worker.start(first)
    assert await worker.close(within_seconds=3)
    worker.epoch = (await worker.renew(new_epoch=True)).epoch
    worker.epoch -= 1
    assert not await worker.close(within_seconds=3)
    world.clock.advance(5)
    await world.expire()
    job = await world.job(first.job)
    assert (job.phase, job.lost) == (Phase.RUNNING, 0)


async def test_a_resume_whose_reply_was_lost_may_be_sent_again(world):
    worker, *_ = await two_leases(world)
    assert [(await worker.renew(new_epoch=True)).epoch for _ in range(3)] == [2, 3, 4]


async def test_g3_a_renewal_by_another_principal_or_of_an_unknown_session_is_refused(world):
    worker, first, _ = await two_leases(world)
    worker.principal = "token:thief"
    assert (await worker.renew(new_epoch=True)).reason == "WrongWorker"
    assert not await worker.close(release=True)
    worker.session = "f" * 32
    assert (await worker.renew()).reason == "SessionGone"
    assert (await world.job(first.job)).phase is Phase.ASSIGNED


async def test_a_refused_renewal_does_nothing_else(world):
    worker, first, _ = await two_leases(world)
    await worker.renew(new_epoch=True)
    refused = await worker.renew(holding=(), started=())
    assert (refused.renewed, refused.released) == (False, 0)
    world.clock.advance(15)
    await world.expire()
    assert (await world.job(first.job)).phase is Phase.QUEUED, "a refused renewal must not extend the expiry"


async def test_scenario_03_a_grant_the_worker_does_not_hold_is_released_uncharged(world):
    worker, first, second = await two_leases(world)
    answer = await worker.renew(holding=held(first))
    assert answer.released == 1
    job = await world.job(second.job)
    assert (job.phase, job.attempts, job.lost, job.interruptions) == (Phase.QUEUED, 0, 0, 0)
    [attempt] = await world.attempts(second.job)
    assert attempt.outcome is AttemptOutcome.RELEASED
    stale = await worker.complete(second)
    assert (stale.verdict, stale.reason) == ("stale", "Released")


async def test_holding_up_to_a_seq_leaves_younger_and_pushed_grants_alone(world):
    for _ in range(3):
        await world.submit()
    worker = await world.worker()
    [old] = await worker.lease(1, seq=1)
    [pushed] = await worker.lease(1)
    [young] = await worker.lease(1, seq=2)
    answer = await worker.renew(holding=(), holding_seq=2)
    assert answer.released == 1
    phases = [(await world.job(g.job)).phase for g in (old, pushed, young)]
    assert phases == [Phase.QUEUED, Phase.ASSIGNED, Phase.ASSIGNED]


async def test_holding_at_resume_is_complete(world):
    worker, first, second = await two_leases(world)
    await worker.start(second)
    answer = await worker.renew(new_epoch=True, holding=held(first))
    assert answer.released == 1
    job = await world.job(second.job)
    assert (job.phase, job.interruptions, job.lost) == (Phase.QUEUED, 0, 0)


async def test_a_lease_that_is_held_but_gone_is_told_as_lost_with_the_reason(world):
    worker, first, second = await two_leases(world)
    await worker.complete(first)
    unknown = ("e" * 32, "d" * 32)
    forged = (second.job, "d" * 32)
    answer = await worker.renew(holding=(*held(first, second), unknown, forged))
    assert {(m.job, m.lease): m.reason for m in answer.lost} == {
        held(first)[0]: "Finished",
        unknown: "UnknownJob",
        forged: "Superseded",
    }
    assert answer.released == 0


async def test_each_lease_that_is_gone_is_told_with_the_end_of_its_own_delivery(world):
    job = await world.submit()
    worker = await world.worker()
    failed = await worker.lease_one()
    await worker.fail(failed, delay_seconds=0)
    released = await worker.lease_one()
    await worker.settle(released, AttemptOutcome.RELEASED)
    forged = (job, "d" * 32)
    answer = await worker.renew(holding=(*held(failed, released), forged))
    assert [m.reason for m in answer.lost] == ["Finished", "Released", "Superseded"]


async def test_g3_a_job_of_another_namespace_is_unknown_to_who_claims_to_hold_it(world):
    _, first, _ = await two_leases(world)
    far = await world.worker(namespace="far")
    for answer in (await far.renew(holding=held(first)), await far.start(first)):
        assert [(m.job, m.reason) for m in answer.lost] == [(first.job, "UnknownJob")]


async def test_g3_another_sessions_lease_cannot_be_held_started_or_reported(world):
    _, first, _ = await two_leases(world)
    thief = await world.worker()
    for answer in (
        await thief.renew(holding=held(first)),
        await thief.start(first),
        await thief.report(first, progress="100 %"),
    ):
        assert [m.job for m in answer.lost] == [first.job]
    job = await world.job(first.job)
    assert (job.phase, job.progress) == (Phase.ASSIGNED, None)


async def test_a_start_is_recorded_once_and_between_the_grant_and_now(world):
    worker, first, second = await two_leases(world)
    granted_at = world.clock.at
    world.clock.advance(4)
    await worker.start(first, ago_seconds=1)
    await worker.start(second, ago_seconds=1000)
    world.clock.advance(2)
    await worker.start(first)
    early, late = await world.job(first.job), await world.job(second.job)
    assert (early.phase, early.started_at) == (Phase.RUNNING, granted_at + 3_000_000)
    assert late.started_at == granted_at
    assert [a.started_at for a in await world.attempts(first.job)] == [granted_at + 3_000_000]


@pytest.mark.parametrize("ago", [-5.0, float("nan"), float("inf"), 1e300])
async def test_a_hostile_start_time_is_kept_between_the_grant_and_now(world, ago):
    worker, first, _ = await two_leases(world)
    granted_at = world.clock.at
    world.clock.advance(4)
    await worker.start(first, ago_seconds=ago)
    assert granted_at <= (await world.job(first.job)).started_at <= world.clock.at


async def test_progress_and_checkpoint_are_kept_and_the_checkpoint_is_handed_on(world):
    job = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    before = (await world.job(job)).revision
    await worker.report(grant, progress="3/10", checkpoint=b'{"at":3}')
    seen = await world.job(job)
    assert (seen.progress, bytes(seen.checkpoint), seen.revision) == ("3/10", b'{"at":3}', before + 1)
    await worker.report(grant, progress="4/10")
    await worker.report(grant, progress="4/10")
    seen = await world.job(job)
    assert (seen.progress, bytes(seen.checkpoint), seen.revision) == ("4/10", b'{"at":3}', before + 2)
    await worker.settle(grant, AttemptOutcome.RELEASED)
    assert (await worker.lease_one()).checkpoint == b'{"at":3}'


async def test_bye_releases_what_never_started_and_interrupts_what_did(world):
    worker, first, second = await two_leases(world)
    await worker.start(second)
    assert await worker.close(release=True)
    untouched, stopped = await world.job(first.job), await world.job(second.job)
    assert (untouched.phase, untouched.interruptions) == (Phase.QUEUED, 0)
    assert (stopped.phase, stopped.interruptions, stopped.lost, stopped.attempts) == (Phase.QUEUED, 1, 0, 0)
    assert (await worker.renew()).reason == "SessionGone"
    assert not await worker.close()


async def test_a_close_only_shortens_the_expiry(world):
    worker, first, _ = await two_leases(world)
    world.clock.advance(14)
    assert await worker.close(within_seconds=3)
    world.clock.advance(1)
    await world.expire()
    assert (await world.job(first.job)).phase is Phase.QUEUED


async def test_g5_an_unresumed_connection_lapses_its_leases_after_its_short_expiry(world):
    worker, first, second = await two_leases(world)
    await worker.start(first)
    await worker.close(within_seconds=3)
    world.clock.advance(2.9)
    await world.expire()
    assert (await world.job(first.job)).phase is Phase.RUNNING
    world.clock.advance(0.1)
    done = await world.expire()
    assert (done.lapsed, done.released, done.sessions) == (1, 1, 1)
    assert (await world.job(first.job)).lost == 1
    assert (await world.job(second.job)).lost == 0


async def test_g5_a_certain_death_lapses_at_once_and_the_session_is_gone(world):
    worker, first, _ = await two_leases(world)
    await worker.start(first)
    assert await worker.close(within_seconds=0)
    assert (await worker.renew(new_epoch=True)).reason == "SessionGone"
    await world.expire()
    job = await world.job(first.job)
    assert (job.phase, job.lost) == (Phase.QUEUED, 1)


async def test_scenario_02_a_session_past_its_expiry_is_revived_while_expiry_holds_off(world):
    worker, first, _ = await two_leases(world)
    await worker.start(first)
    world.clock.advance(3600)
    assert (await worker.renew(holding=held(first))).renewed
    await world.expire()
    job = await world.job(first.job)
    assert (job.phase, job.lost) == (Phase.RUNNING, 0)
    world.clock.advance(15)
    await world.expire()
    assert (await world.job(first.job)).lost == 1, "a dead one still loses it afterwards"


async def test_workers_are_listed_with_what_they_hold(world):
    worker, *_ = await two_leases(world)
    other = await world.worker(namespace="other", worker="far")
    [info] = await world.store.workers("default")
    assert (info.session, info.name, info.held, info.slots, info.epoch) == (worker.session, "w1", 2, 10, 1)
    assert (info.queues, info.tasks, info.carrier, info.closed) == (("default",), ("demo",), "tcp", False)
    assert info.expires_at == world.clock.at + 15_000_000
    assert {i.session: i.held for i in await world.store.workers(None)} == {worker.session: 2, other.session: 0}


async def test_a_draining_session_is_shown_as_such_to_its_end_and_offers_no_slot(world):
    worker, first, _ = await two_leases(world)
    waiting = JobRef(namespace="default", id=await world.submit())
    assert (await world.store.explain(waiting)).free_slots == 8
    assert not (await world.store.session(worker.session)).draining
    assert (await worker.renew(draining=True)).renewed
    resumed = await worker.renew(new_epoch=True)
    worker.epoch = resumed.epoch
    assert (await worker.renew()).renewed
    [info] = await world.store.workers(None)
    assert (info.draining, info.held) == (True, 2)
    facts = await world.store.explain(waiting)
    assert (facts.capable_workers, facts.free_slots) == (1, 0)
    assert (await worker.complete(first)).verdict == "accepted", "what it holds it may end"


async def test_a_session_is_found_by_its_id_as_long_as_it_could_be_revived(world):
    worker, first, _ = await two_leases(world)
    world.clock.advance(3600)
    assert await world.store.workers(None) == [], "the list of workers does not show a silent one"
    info = await world.store.session(worker.session)
    assert (info.session, info.epoch, info.namespace, info.held) == (worker.session, 1, "default", 2)
    assert (info.queues, info.tasks, info.carrier, info.closed) == (("default",), ("demo",), "tcp", False)
    assert (await worker.renew(holding=held(first), new_epoch=True)).renewed
    assert (await world.store.session(worker.session)).epoch == 2


async def test_no_session_is_found_that_nothing_can_revive(world):
    unknown, left, silent = "0" * 32, await world.worker(), await world.worker(namespace="other")
    await left.close(release=True)
    assert (await world.store.session(silent.session)).namespace == "other"
    world.clock.advance(15)
    await world.expire()
    for session in (unknown, left.session, silent.session):
        assert await world.store.session(session) is None


async def test_a_closed_worker_is_shown_for_a_minute(world):
    worker = await world.worker()
    await worker.close(release=True)
    [info] = await world.store.workers(None)
    assert info.closed
    world.clock.advance(60)
    assert await world.store.workers(None) == []


async def test_verdicts_of_one_call_stand_alone(world):
    first, second = await world.worker(), await world.worker()
    second.principal = "token:thief"

    renewals = [Renewal(ref=w.ref, ttl_seconds=15) for w in (second, first, second)]
    assert [a.renewed for a in await world.store.session_renew(renewals)] == [False, True, False]
    ends = [SessionEnd(ref=w.ref, release=True) for w in (second, first, first)]
    assert [done.closed for done in await world.store.session_close(ends)] == [False, True, False]
