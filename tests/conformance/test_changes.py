"""changes: the dirty set of jobs that custom resources own."""

from taskjob.model import AttemptOutcome, Owner, Phase
from taskjob_engine.store import Amendment, JobRef


def owner(uid="u1", cluster="c1"):
    return Owner(cluster_id=cluster, namespace="default", name="job", uid=uid)


async def changes(world, *ack, cluster="c1", limit=100):
    return await world.store.changes(cluster, list(ack), limit)


async def test_only_owned_jobs_are_told_to_their_own_cluster(world):
    mine = await world.submit(owner=owner())
    other = await world.submit(owner=owner(cluster="c2"))
    await world.submit()
    [dirty] = await changes(world)
    assert (dirty.job_id, dirty.owner, dirty.job.phase) == (mine, owner(), Phase.QUEUED)
    assert [d.job_id for d in await changes(world, cluster="c2")] == [other]


async def test_a_row_is_told_until_it_is_acknowledged(world):
    await world.submit(owner=owner())
    [dirty] = await changes(world)
    assert [d.version for d in await changes(world)] == [dirty.version]
    assert await changes(world, (dirty.job_id, dirty.version)) == []
    assert await changes(world, (dirty.job_id, dirty.version)) == []


async def test_the_latest_snapshot_wins_and_an_old_acknowledgement_removes_nothing(world):
    job = await world.submit(owner=owner())
    [first] = await changes(world)
    worker = await world.worker()
    grant = await worker.lease_one()
    await worker.complete(grant)
    [latest] = await changes(world, (job, first.version))
    assert latest.version > first.version
    assert (latest.job.phase, latest.job) == (Phase.COMPLETED, await world.job(job))
    assert await changes(world, (job, latest.version)) == []


async def test_every_kind_of_change_makes_a_job_dirty(world):
    job = await world.submit(owner=owner(), concurrency_key="k")
    waiter = await world.submit(owner=owner("u2"), concurrency_key="k")
    worker = await world.worker()
    seen = []

    async def told():
        rows = await changes(world)
        seen.append([row.job_id for row in rows])
        await changes(world, *((row.job_id, row.version) for row in rows))

    await told()
    grant = await worker.lease_one()
    await told()
    await worker.start(grant)
    await told()
    await worker.report(grant, progress="1/2")
    await told()
    await world.cancel(job)
    await told()
    await worker.settle(grant, AttemptOutcome.CANCELLED)
    await told()
    await world.rerun(job)
    await told()
    await worker.renew()
    await told()
    assert seen[0] == [job, waiter]
    assert seen[1:5] == [[job]] * 4
    assert set(seen[5]) == {job, waiter}, "the waiter got the permit"
    assert seen[6:] == [[job], []]


async def test_a_pruned_job_is_told_as_gone(world):
    job = await world.submit(owner=owner())
    await world.cancel(job)
    await world.store.purge([JobRef(namespace="default", id=job)])
    [dirty] = await changes(world)
    assert (dirty.job_id, dirty.job, dirty.owner) == (job, None, owner())


async def test_another_cluster_cannot_acknowledge(world):
    job = await world.submit(owner=owner())
    [dirty] = await changes(world)
    await changes(world, (job, dirty.version), cluster="c2")
    assert len(await changes(world)) == 1


async def test_the_limit_bounds_a_call_and_the_rest_follows(world):
    jobs = [await world.submit(owner=owner(f"u{n}")) for n in range(5)]
    first = await changes(world, limit=3)
    rest = await changes(world, *((row.job_id, row.version) for row in first), limit=3)
    assert [row.job_id for row in first + rest] == jobs


async def test_the_dirty_set_survives_a_restart(world):
    job = await world.submit(owner=owner())
    await world.reopen()
    assert [d.job_id for d in await changes(world)] == [job]


async def give(world, job, owner):
    [changed] = await world.store.amend([Amendment(ref=JobRef(namespace="default", id=job), owner=owner)])
    return changed.outcome


async def test_a_job_passed_on_is_told_to_its_new_owner_and_no_more_to_the_former(world):
    job = await world.submit(owner=owner())
    before = await world.job(job)
    [first] = await changes(world)
    assert await give(world, job, owner("u2", "c2")) == "changed"
    assert await changes(world) == []
    [dirty] = await changes(world, cluster="c2")
    assert (dirty.job_id, dirty.owner, dirty.job.owner) == (job, owner("u2", "c2"), owner("u2", "c2"))
    assert dirty.job.revision == before.revision + 1
    assert dirty.version > first.version
    assert await changes(world, (job, dirty.version), cluster="c2") == []
    await world.cancel(job)
    assert (await changes(world), [d.job_id for d in await changes(world, cluster="c2")]) == ([], [job])


async def test_an_owner_may_come_later_and_the_same_one_again_changes_nothing(world):
    job = await world.submit()
    assert await give(world, job, None) == "unchanged"
    assert await give(world, job, owner()) == "changed"
    [dirty] = await changes(world)
    assert await changes(world, (job, dirty.version)) == []
    assert await give(world, job, owner()) == "unchanged"
    assert await changes(world) == []
    await world.cancel(job)
    assert await give(world, job, owner("u2")) == "changed", "also when it is finished"
    assert [d.owner for d in await changes(world)] == [owner("u2")]
