"""end_principals: a worker's process is certainly gone, and that is what its attempts say."""

from store_world import TTL

from taskjob.model import AttemptOutcome, ErrorInfo, Phase, RetryChoice
from taskjob_engine.store import DeadLetters, PrincipalEnd

OOM = ErrorInfo(type="OOMKilled", message="memory limit 256Mi")


async def end(world, principal="pod:1", error=OOM):
    [done] = await world.store.end_principals([PrincipalEnd(principal=principal, error=error)])
    return done


async def test_its_leases_lapse_at_once_with_the_reason(world):
    worker = await world.worker(principal="pod:1")
    started, held = await world.submit(), await world.submit()
    grants = await worker.lease(2)
    await worker.start(grants[0])

    done = await end(world)

    assert (done.sessions, done.lapsed, done.released) == (1, 1, 1)
    job = await world.job(started)
    assert (job.phase, job.lost, job.last_error) == (Phase.QUEUED, 1, OOM)
    [attempt] = await world.attempts(started)
    assert (attempt.outcome, attempt.error) == (AttemptOutcome.LOST, OOM)
    assert (await world.job(held)).lost == 0
    [attempt] = await world.attempts(held)
    assert (attempt.outcome, attempt.error) == (AttemptOutcome.RELEASED, OOM)


async def test_every_session_of_the_principal_ends_and_no_other(world):
    first, second = [await world.worker(principal="pod:1") for _ in range(2)]
    other = await world.worker(principal="pod:2")
    for worker in (first, second, other):
        await world.submit()
        await worker.start(await worker.lease_one())

    assert (await end(world)).sessions == 2
    assert [(await worker.renew()).reason for worker in (first, second)] == ["SessionGone"] * 2
    assert (await other.renew()).renewed


async def test_a_repeat_and_an_unknown_one_end_nothing(world):
    worker = await world.worker(principal="pod:1")
    await world.submit()
    await worker.start(await worker.lease_one())
    await end(world)
    assert [(await end(world, who)).sessions for who in ("pod:1", "pod:9")] == [0, 0]


async def test_a_session_that_said_bye_has_nothing_left(world):
    worker = await world.worker(principal="pod:1")
    job = await world.submit()
    await worker.start(await worker.lease_one())
    await worker.close(release=True)

    assert (await end(world)).sessions == 0
    assert ((await world.job(job)).lost, (await world.job(job)).interruptions) == (0, 1)


async def test_a_keyed_job_waits_for_the_full_time_and_says_why(world):
    worker = await world.worker(principal="pod:1")
    job = await world.submit(concurrency_key="k")
    await worker.start(await worker.lease_one())
    world.clock.advance(1)

    assert (await end(world)).lapsed == 0
    await world.expire()
    assert (await world.job(job)).phase is Phase.RUNNING
    world.clock.advance(TTL - 1)
    await world.expire()

    assert ((await world.job(job)).phase, (await world.job(job)).last_error) == (Phase.QUEUED, OOM)


async def test_the_reason_survives_a_restart(world):
    worker = await world.worker(principal="pod:1")
    job = await world.submit(concurrency_key="k")
    await worker.start(await worker.lease_one())
    await end(world)
    await world.reopen()
    world.clock.advance(TTL)
    await world.expire()
    assert (await world.job(job)).last_error == OOM


async def test_a_late_settle_of_it_is_stale(world):
    worker = await world.worker(principal="pod:1")
    await world.submit()
    grant = await worker.lease_one()
    await worker.start(grant)
    await end(world)
    settled = await worker.complete(grant)
    assert (settled.verdict, settled.reason) == ("stale", "Expired")


async def test_a_job_that_was_lost_too_often_becomes_a_dead_letter(world):
    worker = await world.worker(principal="pod:1")
    job = await world.submit(retry=RetryChoice(max_lost=0))
    await worker.start(await worker.lease_one())
    done = await end(world)
    assert done.dead_letters == (DeadLetters(namespace="default", queue="default", task="demo", count=1),)
    assert (await world.job(job)).phase is Phase.DEAD_LETTER


async def test_who_came_later_under_the_same_name_goes_on(world):
    first = await world.worker(principal="pod:1")
    world.clock.advance(2)
    restarted_at = world.clock()
    second = await world.worker(principal="pod:1")

    end = PrincipalEnd(principal="pod:1", error=OOM, connected_before=restarted_at)
    [done] = await world.store.end_principals([end])

    assert done.sessions == 1
    assert ((await first.renew()).reason, (await second.renew()).renewed) == ("SessionGone", True)
