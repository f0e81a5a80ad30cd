"""changes: the dirty set of jobs that custom resources own."""

import asyncio

from taskjob.model import AttemptOutcome, Owner, Phase
from taskjob_engine.store import Amendment, Disowning, JobRef


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


async def disown(world, job, uid="u1", heir=None, cluster="c1", namespace="default"):
    ref = JobRef(namespace=namespace, id=job)
    [changed] = await world.store.disown([Disowning(ref=ref, owner=owner(uid, cluster), heir=heir)])
    return changed.outcome


async def test_a_disowned_job_is_cancelled_where_it_is_live(world):
    job = await world.submit(owner=owner())
    assert [await disown(world, job), await disown(world, job)] == ["changed", "unchanged"]
    assert (await world.job(job)).phase is Phase.CANCELLED


async def test_a_disowned_job_that_has_ended_stays(world):
    job = await world.submit(owner=owner())
    worker = await world.worker()
    await worker.complete(await worker.lease_one())
    assert await disown(world, job) == "refused"
    assert (await world.job(job)).phase is Phase.COMPLETED


async def test_only_its_owners_word_disowns_a_job(world):
    job, nobodys = await world.submit(owner=owner()), await world.submit()
    strangers = [
        await disown(world, job, "u2"),
        await disown(world, job, cluster="c2"),
        await disown(world, job, namespace="other"),
        await disown(world, job, "u2", heir=owner("u2")),
        await disown(world, nobodys),
        await disown(world, "0" * 32),
    ]
    assert strangers == ["not_found"] * 6
    assert [(await world.job(each)).phase for each in (job, nobodys)] == [Phase.QUEUED] * 2


async def test_an_heir_has_the_job_from_then_on_alone(world):
    job = await world.submit(owner=owner())
    ref = JobRef(namespace="default", id=job)
    verdicts = await world.store.disown(
        [
            Disowning(ref=ref, owner=owner(), heir=owner("u2")),
            Disowning(ref=ref, owner=owner()),
            Disowning(ref=ref, owner=owner("u2"), heir=owner("u2")),
        ]
    )
    assert [verdict.outcome for verdict in verdicts] == ["changed", "not_found", "unchanged"]
    assert [(d.owner, d.job.phase) for d in await changes(world)] == [(owner("u2"), Phase.QUEUED)]


async def test_new_rows_of_a_cluster_are_hinted_once_a_commit(world):
    heard = []
    world.store.watch(heard.extend)
    await world.submit()
    await world.submit_call(*(world.submission(owner=owner(f"u{n}")) for n in range(3)))
    await world.submit(owner=owner(cluster="c2"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert [hint.cluster for hint in heard if hint.cluster is not None] == ["c1", "c2"]
