"""put_queue and queues: limits, defaults, the two halves of a pause."""

import asyncio

import pytest

from taskjob.errors import ConflictError
from taskjob.model import JobDefaults, QueueLimits, QueueTrouble
from taskjob_engine.store import JobRef, QueueChange


async def test_the_default_queue_always_exists(world):
    [queue] = await world.store.queues("default")
    assert (queue.name, queue.limits, queue.paused) == ("default", QueueLimits(), False)
    assert [q.name for q in await world.store.queues("never-seen")] == ["default"]


async def test_a_queue_is_created_and_changed_field_by_field(world):
    made = await world.queue("images", max_concurrency=3)
    assert (made.limits.max_concurrency, made.revision, made.created_at) == (3, 1, world.clock.at)
    world.clock.advance(1)
    changed = await world.queue("images", job_defaults=JobDefaults(timeout_seconds=9))
    assert (changed.limits.max_concurrency, changed.job_defaults.timeout_seconds) == (3, 9)
    assert (changed.revision, changed.created_at) == (2, made.created_at)
    replaced = await world.queue("images", rate_per_second=4)
    assert (replaced.limits.max_concurrency, replaced.limits.rate_per_second) == (None, 4)
    assert [q.name for q in await world.store.queues("default")] == ["default", "images"]
    assert (await world.store.queues("default"))[1] == replaced


async def test_a_repeated_change_changes_nothing(world):
    first = await world.queue("images", max_concurrency=3, pause=True, actor="ann")
    assert await world.queue("images", max_concurrency=3, pause=True, actor="ann") == first


async def test_the_declared_and_the_operational_pause_are_apart(world):
    await world.submit()
    worker = await world.worker()
    await world.queue(paused=True)
    queue = await world.queue(pause=True, actor="ann", pause_reason="incident")
    assert (queue.paused, queue.paused_by, queue.paused_reason) == (True, "ann", "incident")
    queue = await world.queue(paused=False)
    assert (queue.paused, queue.paused_by) == (False, "ann")
    assert await worker.lease(1) == []
    queue = await world.queue(pause=False)
    assert (queue.paused, queue.paused_by, queue.paused_reason) == (False, None, None)
    assert len(await worker.lease(1)) == 1


async def test_queues_of_two_namespaces_do_not_meet(world):
    await world.store.put_queue(QueueChange(namespace="one", name="q", paused=True))
    await world.store.put_queue(QueueChange(namespace="two", name="q"))
    [queue] = [q for q in await world.store.queues("two") if q.name == "q"]
    assert not queue.paused
    job = await world.submit(namespace="two", queue="q")
    assert (await world.store.explain(JobRef(namespace="two", id=job))).queue == queue


async def test_queues_survive_a_restart(world):
    made = await world.queue("images", max_concurrency=3, pause=True, actor="ann", pause_until=world.clock.at + 9)
    await world.reopen()
    assert made in await world.store.queues("default")


async def declare(world, name="q", *, by="c1", **change):
    return await world.queue(name, managed_by=by, deleted=False, **change)


async def test_what_an_object_declares_people_do_not_change(world):
    await declare(world, paused=False, max_concurrency=3)
    for change in ({"paused": True}, {"max_concurrency": 5}, {"deleted": False}, {"deleted": True}):
        with pytest.raises(ConflictError) as refused:
            await world.queue("q", **change)
        assert refused.value.reason == "ManagedByKubernetes"

    paused = await world.queue("q", pause=True, actor="ann")

    assert (paused.limits.max_concurrency, paused.paused, paused.paused_by) == (3, False, "ann")
    assert (paused.managed_by, (await declare(world, max_concurrency=4)).paused_by) == ("c1", "ann")


async def test_a_refused_change_spoils_no_neighbour(world):
    await declare(world)
    refused, made = await asyncio.gather(
        world.queue("q", paused=True), world.queue("fine", paused=True), return_exceptions=True
    )
    assert isinstance(refused, ConflictError)
    assert made.paused


async def test_jobs_of_a_deleted_queue_wait_for_one_of_that_name(world):
    worker = await world.worker(queues=("q",))
    await declare(world, max_concurrency=3)
    job = await world.submit(queue="q")

    deleted = await world.queue("q", managed_by="c1", deleted=True)
    later = await world.submit(queue="q")

    assert (deleted.deleted, deleted.managed_by, deleted.limits.max_concurrency) == (True, None, 3)
    assert await worker.lease(2) == []
    assert (await world.store.explain(JobRef(namespace="default", id=job))).queue.deleted
    await world.reopen()
    assert await worker.lease(2) == []
    await declare(world)
    assert {grant.job for grant in await worker.lease(2)} == {job, later}


async def test_a_deleted_queue_may_be_made_again_by_anyone(world):
    await declare(world)
    await world.queue("q", managed_by="c1", deleted=True)
    again = await world.queue("q", deleted=False, paused=False)
    assert (again.deleted, again.managed_by) == (False, None)


async def test_the_default_queue_stays_when_its_object_goes(world):
    await declare(world, "default", max_concurrency=2)
    after = await world.queue("default", managed_by="c1", deleted=True)
    assert (after.deleted, after.managed_by, after.limits.max_concurrency) == (False, None, 2)


async def test_the_same_declaration_again_changes_nothing(world):
    first = await declare(world, max_concurrency=2)
    assert await declare(world, max_concurrency=2) == first


async def test_each_clusters_queues_are_listed(world):
    await declare(world, "b")
    await declare(world, "a", namespace="other")
    await declare(world, "c", by="c2")
    await world.queue("d")
    assert await world.store.managed_queues("c1") == [("default", "b"), ("other", "a")]
    await world.queue("b", managed_by="c1", deleted=True)
    assert await world.store.managed_queues("c1") == [("other", "a")]


async def test_what_its_cluster_says_of_its_workers_is_kept_until_it_says_otherwise(world):
    trouble = QueueTrouble(reason="ImagePullBackOff", message="no such image")
    told = await world.queue("images", managed_by="c1", deleted=False, trouble=trouble)
    assert told.trouble == trouble
    assert (await world.queue("images", pause=True, actor="ann")).trouble == trouble, "others have no say in it"
    assert [q.trouble for q in await world.store.queues("default") if q.name == "images"] == [trouble]
    job = await world.submit(queue="images")
    assert (await world.store.explain(JobRef(namespace="default", id=job))).queue.trouble == trouble
    assert (await world.queue("images", managed_by="c1", deleted=False)).trouble is None


async def test_a_queue_that_is_gone_has_no_trouble(world):
    await world.queue("images", managed_by="c1", deleted=False, trouble=QueueTrouble(reason="QuotaExceeded"))
    gone = await world.queue("images", managed_by="c1", deleted=True)
    assert (gone.deleted, gone.trouble) == (True, None)
