"""stats and audit: exact counts of one snapshot, and the conservation law."""

from taskjob.model import RetryChoice
from taskjob_engine.store import JobRef


async def mixed(world):
    """Five jobs: one waiting, one ready, one leased, one dead letter, one cancelled, then one completed in `b`."""
    worker = await world.worker(queues=("default", "b"))
    await world.submit(retry=RetryChoice(max_attempts=1))
    await worker.fail(await worker.lease_one())
    await world.submit()
    await worker.lease_one()
    await world.cancel(await world.submit())
    await world.submit(suspend=True)
    await world.submit()
    await world.submit(queue="b", priority=5)
    await worker.complete(await worker.lease_one())


async def test_g7_every_state_is_counted_and_nothing_is_lost(world):
    await mixed(world)
    stats = await world.store.stats("default")
    b, default = stats.queues
    assert (default.queue, default.accepted, default.purged) == ("default", 5, 0)
    assert (default.waiting, default.ready, default.leased) == (1, 1, 1)
    assert (default.completed, default.dead_letter, default.cancelled) == (0, 1, 1)
    assert (b.queue, b.accepted, b.completed, b.live) == ("b", 1, 1, 0)
    assert stats.conserved
    assert stats.at == world.clock.at


async def test_g7_pruning_moves_counts_to_purged(world):
    await mixed(world)
    world.clock.advance(10**8)
    await world.store.prune(100)
    stats = await world.store.stats("default")
    default = stats.queues[1]
    assert (default.accepted, default.purged, default.live, default.dead_letter) == (5, 2, 3, 0)
    assert stats.conserved
    assert (await world.store.audit()).queues == stats.queues


async def test_the_ledger_equals_a_scan_of_the_tables(world):
    await mixed(world)
    assert (await world.store.stats(None)).queues == (await world.store.audit()).queues


async def test_namespaces_are_counted_apart_and_together(world):
    await world.submit()
    await world.submit(namespace="other")
    assert [c.namespace for c in (await world.store.stats("other")).queues] == ["other"]
    assert [c.namespace for c in (await world.store.stats(None)).queues] == ["default", "other"]
    assert (await world.store.stats("never-seen")).queues == ()


async def test_rejected_and_existing_submits_are_not_accepted(world):
    await world.queue(max_live_jobs=1)
    item = world.submission(idempotency_key="k", document_hash="a")
    await world.submit_call(item, item, world.submission())
    [counts] = (await world.store.stats("default")).queues
    assert (counts.accepted, counts.live) == (1, 1)


async def test_the_oldest_ready_job_tells_its_age(world):
    start = world.clock.at
    first = await world.submit(priority=-100)
    world.clock.advance(5)
    await world.submit(priority=100)
    [counts] = (await world.store.stats("default")).queues
    assert counts.oldest_ready_at == start
    await world.cancel(first)
    [counts] = (await world.store.stats("default")).queues
    assert counts.oldest_ready_at == start + 5_000_000
    await world.store.purge([JobRef(namespace="default", id=first)])
    worker = await world.worker()
    await worker.lease_one()
    [counts] = (await world.store.stats("default")).queues
    assert counts.oldest_ready_at is None


async def test_counts_survive_a_restart(world):
    await mixed(world)
    before = (await world.store.stats(None)).queues
    await world.reopen()
    assert (await world.store.stats(None)).queues == before


async def test_the_seq_grows_with_commits(world):
    before = world.store.standing().seq
    await world.submit()
    middle = world.store.standing().seq
    await world.submit()
    assert before < middle < world.store.standing().seq
    assert (await world.store.stats(None)).seq >= middle
