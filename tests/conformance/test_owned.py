"""owned: the live jobs of one cluster's objects, page after page, for the sweep that looks for orphans."""

from taskjob.model import Owner


def owner(uid="u1", cluster="c1", namespace="default"):
    return Owner(cluster_id=cluster, namespace=namespace, name="job", uid=uid)


async def owned(world, cluster="c1", after=None, limit=100):
    return [(job.id, job.owner.uid) for job in await world.store.owned(cluster, after=after, limit=limit)]


async def test_live_jobs_of_the_cluster_in_the_order_of_their_ids(world):
    worker = await world.worker()
    running = await world.submit(owner=owner("u1"))
    await worker.start(await worker.lease_one())
    done = await world.submit(owner=owner("u2"))
    await world.cancel(done)
    waiting = await world.submit(owner=owner("u3"), suspend=True)
    elsewhere = await world.submit(owner=owner("u4", namespace="other"), namespace="other")
    await world.submit(owner=owner("u5", cluster="c2"))
    await world.submit()

    assert await owned(world) == [(running, "u1"), (waiting, "u3"), (elsewhere, "u4")]


async def test_pages_continue_behind_the_last_id(world):
    jobs = [await world.submit(owner=owner(f"u{n}")) for n in range(5)]
    first = await owned(world, limit=2)
    await world.cancel(jobs[1])
    rest = await owned(world, after=first[-1][0], limit=100)
    assert [job for job, _ in first + rest] == jobs
    assert await owned(world, after=jobs[-1]) == []


async def test_a_rerun_job_is_live_again_and_an_heir_has_it(world):
    job = await world.submit(owner=owner())
    await world.cancel(job)
    assert await owned(world) == []
    await world.rerun(job)
    assert await owned(world) == [(job, "u1")]
    [told] = await world.store.owned("c1", after=None, limit=1)
    assert told.created_at == (await world.job(job)).created_at
