"""put_queue and queues: limits, defaults, the two halves of a pause."""

from taskjob.model import JobDefaults, QueueLimits
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
