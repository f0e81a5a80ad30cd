"""rerun and purge: a person runs a finished job again, or deletes it."""

import pytest

from taskjob.model import AttemptOutcome, Phase, RetryChoice
from taskjob_engine.store import Amendment, JobRef, Rerun


async def dead_letter(world, **fields):
    job = await world.submit(retry=RetryChoice(max_attempts=1), **fields)
    worker = await world.worker()
    await worker.fail(await worker.lease_one())
    return job, worker


async def test_a_dead_letter_runs_again_with_fresh_counters_and_its_history(world):
    job, worker = await dead_letter(world)
    verdict = await world.rerun(job)
    assert (verdict.outcome, verdict.run, verdict.phase) == ("changed", 1, Phase.QUEUED)
    seen = await world.job(job)
    assert (seen.run, seen.attempts, seen.lost, seen.interruptions, seen.deliveries) == (1, 0, 0, 0, 0)
    assert (seen.last_error, seen.finished_at, seen.expires_at) == (None, None, None)
    grant = await worker.lease_one()
    assert (grant.run, grant.delivery, grant.attempt) == (1, 1, 1)
    await worker.complete(grant)
    assert [(a.run, a.number, a.outcome) for a in await world.attempts(job)] == [
        (0, 1, AttemptOutcome.FAILED),
        (1, 1, AttemptOutcome.COMPLETED),
    ]


async def test_a_completed_attempt_stays_in_the_history_whatever_happens_to_its_job_later(world):
    job = await world.submit()
    worker = await world.worker()
    first = await worker.lease_one()
    world.clock.advance(3)
    await worker.complete(first, duration_seconds=2.0)
    before = await world.attempts(job)
    await world.store.amend([Amendment(ref=JobRef(namespace="default", id=job), ttl_seconds_after_finished=99)])
    assert await world.attempts(job) == before
    assert (await worker.complete(first)).verdict == "replayed"
    await world.rerun(job)
    assert await world.attempts(job) == before
    second = await worker.lease_one()
    assert (await worker.complete(first)).verdict == "replayed"
    assert (await worker.complete(second)).verdict == "accepted"
    assert (await world.attempts(job))[:1] == before
    assert [(a.run, a.number, a.outcome) for a in await world.attempts(job)] == [
        (0, 1, AttemptOutcome.COMPLETED),
        (1, 1, AttemptOutcome.COMPLETED),
    ]
    await world.rerun(job, "r2")
    assert len(await world.attempts(job)) == 2


async def test_g2_the_revision_grows_over_runs(world):
    job, _ = await dead_letter(world)
    before = (await world.job(job)).revision
    await world.rerun(job)
    assert (await world.job(job)).revision > before


@pytest.mark.parametrize("how", ["completed", "cancelled"])
async def test_any_finished_job_may_run_again_without_its_old_result(world, how):
    job = await world.submit()
    worker = await world.worker()
    if how == "completed":
        grant = await worker.lease_one()
        await worker.report(grant, progress="9/10", checkpoint=b"9")
        await worker.complete(grant, result=b"1")
    else:
        await world.cancel(job)
    await world.rerun(job)
    seen = await world.job(job)
    assert (seen.phase, seen.result, seen.progress, seen.checkpoint) == (Phase.QUEUED, None, None, None)
    assert (seen.cancel_requested_at, seen.suspend) == (None, False)
    assert (await worker.lease_one()).checkpoint is None


async def test_scenario_08_the_same_request_starts_one_run(world):
    job, worker = await dead_letter(world)
    first = await world.rerun(job, "req")
    again = await world.rerun(job, "req")
    assert (first.outcome, again.outcome, again.run) == ("changed", "unchanged", 1)
    await worker.complete(await worker.lease_one())
    late = await world.rerun(job, "req")
    assert (late.outcome, late.run) == ("unchanged", 1)
    assert (await world.job(job)).phase is Phase.COMPLETED
    other = await world.rerun(job, "another")
    assert (other.outcome, other.run) == ("changed", 2)
    assert (await world.rerun(job, "req")).run == 1


async def test_a_live_job_is_not_rerun(world):
    job = await world.submit()
    verdict = await world.rerun(job)
    assert (verdict.outcome, verdict.reason, verdict.phase) == ("refused", "NotFinished", Phase.QUEUED)
    assert (await world.rerun("f" * 32)).outcome == "not_found"


async def test_a_refused_request_id_may_be_used_again_once_the_job_is_finished(world):
    job = await world.submit()
    await world.rerun(job, "req")
    await world.cancel(job)
    assert (await world.rerun(job, "req")).outcome == "changed"


async def test_a_request_id_belongs_to_its_job(world):
    jobs = [await world.submit() for _ in range(2)]
    for job in jobs:
        await world.cancel(job)
    assert [(await world.rerun(job, "same")).outcome for job in jobs] == ["changed", "changed"]


async def test_an_old_lease_is_stale_in_the_new_run(world):
    job = await world.submit()
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.settle(grant, AttemptOutcome.CANCELLED)
    await world.rerun(job)
    late = await worker.complete(grant)
    assert (late.verdict, late.reason) == ("stale", "Finished")
    assert (await world.job(job)).phase is Phase.QUEUED


async def test_scenario_08_many_dead_letters_are_rerun_once_each(world):
    count = 10_000
    jobs = []
    for _ in range(count // 500):
        items = [world.submission(retry=RetryChoice(max_attempts=1)) for _ in range(500)]
        await world.submit_call(*items)
        jobs += [item.id for item in items]
    worker = await world.worker()
    while grants := await worker.lease(500):
        await world.store.settle([worker.settlement(g, AttemptOutcome.FAILED) for g in grants])
    outcomes = []
    for _ in range(2):
        for at in range(0, count, 500):
            reruns = [Rerun(ref=JobRef(namespace="default", id=j), request_id="all") for j in jobs[at : at + 500]]
            outcomes += [v.outcome for v in await world.store.rerun(reruns)]
    assert outcomes == ["changed"] * count + ["unchanged"] * count
    [counts] = (await world.store.stats("default")).queues
    assert (counts.ready, counts.dead_letter, counts.accepted) == (count, 0, count)


async def test_purge_deletes_finished_jobs_only(world):
    live = await world.submit()
    finished = await world.submit()
    await world.cancel(finished)
    refs = [JobRef(namespace="default", id=j) for j in (live, finished, finished, "f" * 32)]
    verdicts = await world.store.purge(refs)
    assert [v.outcome for v in verdicts] == ["refused", "changed", "not_found", "not_found"]
    assert verdicts[0].reason == "NotFinished"
    assert await world.exists(live)
    assert not await world.exists(finished)
    [counts] = (await world.store.stats("default")).queues
    assert (counts.accepted, counts.purged, counts.cancelled) == (2, 1, 0)


async def test_purge_and_rerun_do_not_cross_namespaces(world):
    job = await world.submit(namespace="other")
    await world.store.cancel([JobRef(namespace="other", id=job)])
    ref = JobRef(namespace="default", id=job)
    assert [v.outcome for v in await world.store.purge([ref])] == ["not_found"]
    assert [v.outcome for v in await world.store.rerun([Rerun(ref=ref, request_id="r")])] == ["not_found"]
    assert (await world.job(job, "other")).phase is Phase.CANCELLED


async def test_a_job_may_begin_with_a_later_run(world):
    job = await world.submit(run=3)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.complete(grant)
    assert (grant.run, (await world.job(job)).run) == (3, 3)
    assert [(attempt.run, attempt.number) for attempt in await world.attempts(job)] == [(3, 1)]
    assert (await world.rerun(job)).run == 4
    [plain, later] = [await world.job(await world.submit(run=run)) for run in (0, 2)]
    assert (plain.run, later.run) == (0, 2)
