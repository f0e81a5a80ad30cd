"""prune: retention, keys, garbage that is told until it is swept."""

import pytest

from taskjob.errors import ConflictError
from taskjob.model import Phase, RetryChoice
from taskjob_engine.store import JobRef


async def finished(world, **fields):
    job = await world.submit(**fields)
    worker = await world.worker()
    await worker.complete(await worker.lease_one())
    return job


async def test_a_finished_job_is_pruned_at_its_expiry_and_not_before(world):
    job = await finished(world, ttl_seconds_after_finished=10)
    world.clock.advance(9.999)
    assert (await world.store.prune(10)).jobs == 0
    world.clock.advance(0.001)
    assert (await world.store.prune(10)).jobs == 1
    assert not await world.exists(job)
    assert await world.attempts(job) == []
    [counts] = (await world.store.stats("default")).queues
    assert (counts.accepted, counts.purged, counts.completed) == (1, 1, 0)


async def test_dead_letters_have_their_own_retention(world):
    job = await world.submit(
        retry=RetryChoice(max_attempts=1), ttl_seconds_after_finished=1, ttl_seconds_after_failed=100
    )
    worker = await world.worker()
    await worker.fail(await worker.lease_one())
    world.clock.advance(99)
    await world.store.prune(10)
    assert (await world.job(job)).phase is Phase.DEAD_LETTER
    world.clock.advance(1)
    await world.store.prune(10)
    assert not await world.exists(job)


async def test_live_jobs_are_never_pruned(world):
    waiting = await world.submit(suspend=True, ttl_seconds_after_finished=0)
    ready = await world.submit(ttl_seconds_after_finished=0)
    rerun = await world.submit(ttl_seconds_after_finished=0)
    await world.cancel(rerun)
    await world.rerun(rerun)
    world.clock.advance(10**7)
    assert (await world.store.prune(10)).jobs == 0
    for job in (waiting, ready, rerun):
        assert await world.exists(job)


async def test_steps_are_bounded_and_say_that_there_is_more(world):
    for _ in range(5):
        await world.cancel(await world.submit(ttl_seconds_after_finished=0))
    steps = [await world.store.prune(2) for _ in range(3)]
    assert [(step.jobs, step.more) for step in steps] == [(2, True), (2, True), (1, False)]


async def test_garbage_of_a_leased_job_is_told_until_it_is_swept(world):
    job = await finished(world, ttl_seconds_after_finished=0)
    [garbage] = (await world.store.prune(10)).garbage
    assert garbage.prefix == f"default/{job}"
    assert [g.id for g in (await world.store.prune(10)).garbage] == [garbage.id]
    assert (await world.store.prune(10, [garbage.id])).garbage == ()
    assert (await world.store.prune(10, [garbage.id])).garbage == ()


async def test_a_job_that_was_never_leased_leaves_no_garbage(world):
    await world.cancel(await world.submit(ttl_seconds_after_finished=0))
    assert (await world.store.prune(10)).garbage == ()


async def test_a_purged_job_leaves_its_garbage_too(world):
    job = await finished(world)
    await world.store.purge([JobRef(namespace="default", id=job)])
    [garbage] = (await world.store.prune(10)).garbage
    assert garbage.prefix == f"default/{job}"


async def test_garbage_survives_a_restart(world):
    await finished(world, ttl_seconds_after_finished=0)
    await world.store.prune(10)
    await world.reopen()
    assert len((await world.store.prune(10)).garbage) == 1


async def test_expired_keys_are_deleted_and_counted(world):
    await world.cancel(await world.submit(idempotency_key="k", document_hash="h", ttl_seconds_after_finished=0))
    world.clock.advance(86_399)
    assert (await world.store.prune(10)).keys == 0
    world.clock.advance(1)
    assert (await world.store.prune(10)).keys == 1
    assert (await world.store.prune(10)).keys == 0


async def test_an_expired_key_takes_no_other_namespaces_key_along(world):
    key = {"idempotency_key": "k", "document_hash": "h"}
    await world.cancel(await world.submit(ttl_seconds_after_finished=0, **key))
    theirs = await world.submit(namespace="other", **key)
    world.clock.advance(86_400)
    assert (await world.store.prune(10)).keys == 1
    [again] = await world.submit_call(world.submission(namespace="other", **key))
    assert (again.outcome, again.id) == ("existing", theirs)


async def test_a_closed_session_is_forgotten_though_others_work_on(world):
    worker, left = await world.worker(), await world.worker("a" * 32)
    await world.submit()
    await worker.lease_one()
    await left.close(release=True)
    world.clock.advance(60)
    await world.store.prune(10)
    assert (await world.worker("a" * 32)).epoch == 1


async def test_a_closed_session_is_kept_as_long_as_a_lease_of_it_stands(world):
    await world.submit()
    worker = await world.worker("a" * 32)
    grant = await worker.lease_one()
    await worker.close(within_seconds=0)
    world.clock.advance(60)
    await world.store.prune(10)
    with pytest.raises(ConflictError):
        await world.worker("a" * 32)
    assert (await worker.complete(grant)).verdict == "accepted"
