"""lease: what is granted, to whom, how much at once, and again after a lost reply."""

import asyncio

import pytest

from taskjob.model import Phase, Reason, RetryChoice
from taskjob_engine.store import LeaseRequest


async def test_a_grant_carries_all_a_worker_needs(world):
    job = await world.submit(
        payload=b'{"a":1}', labels={"l": "v"}, timeout_seconds=9, retry=RetryChoice(max_attempts=4), queue="q"
    )
    world.clock.advance(2.5)
    worker = await world.worker(queues=("q",))
    grant = await worker.lease_one()
    assert (grant.job, grant.namespace, grant.queue, grant.task) == (job, "default", "q", "demo")
    assert (grant.payload, grant.labels, grant.checkpoint) == (b'{"a":1}', {"l": "v"}, None)
    assert (grant.run, grant.delivery, grant.attempt, grant.max_attempts) == (0, 1, 1, 4)
    assert (grant.timeout_seconds, grant.waited_seconds, grant.suspect) == (9.0, 2.5, False)
    assert len(grant.lease) == 32


async def test_a_leased_job_is_assigned_to_the_worker_and_to_no_other(world):
    job = await world.submit()
    first, second = await world.worker(worker="one"), await world.worker(worker="two")
    await first.lease_one()
    assert await second.lease(5) == []
    seen = await world.job(job)
    assert (seen.phase, seen.reason, seen.worker, seen.deliveries) == (Phase.ASSIGNED, Reason.ASSIGNED, "one", 1)
    assert seen.leased_at == world.clock.at


async def test_g3_every_lease_call_has_its_own_random_lease_id(world):
    for _ in range(6):
        await world.submit()
    worker = await world.worker()
    calls = [await worker.lease(2) for _ in range(3)]
    assert [len({g.lease for g in call}) for call in calls] == [1, 1, 1]
    assert len({call[0].lease for call in calls}) == 3


async def test_no_more_than_asked_for_is_granted(world):
    for _ in range(5):
        await world.submit()
    worker = await world.worker()
    assert [len(await worker.lease(n)) for n in (2, 0, 10)] == [2, 0, 3]


async def test_only_the_sessions_own_queues_tasks_and_namespace(world):
    await world.submit(queue="other")
    await world.submit(task="other")
    await world.submit(namespace="other")
    mine = await world.submit()
    worker = await world.worker()
    assert [g.job for g in await worker.lease(10)] == [mine]


async def test_a_task_and_queue_named_twice_by_a_session_count_once(world):
    job = await world.submit()
    worker = await world.worker(queues=("default", "default"), tasks=("demo", "demo"))
    assert [g.job for g in await worker.lease(5)] == [job]


async def test_a_paused_queue_grants_nothing_and_does_not_block_others(world):
    await world.submit(queue="still")
    other = await world.submit(queue="moving")
    await world.queue("still", paused=True)
    worker = await world.worker(queues=("still", "moving"))
    assert [g.job for g in await worker.lease(5)] == [other]
    await world.queue("still", paused=False)
    assert len(await worker.lease(5)) == 1


async def test_scenario_03_the_same_seq_tells_the_same_grants_and_leases_nothing_new(world):
    for _ in range(4):
        await world.submit()
    worker = await world.worker()
    first = await worker.lease_call(2, seq=7)
    again = await worker.lease_call(2, seq=7)
    assert not first.replayed
    assert again.replayed
    assert [(g.job, g.lease, g.delivery) for g in again.grants] == [(g.job, g.lease, g.delivery) for g in first.grants]
    assert len(await worker.lease(5, seq=8)) == 2


async def test_scenario_03_a_repeated_seq_leaves_out_what_was_settled_meanwhile(world):
    for _ in range(2):
        await world.submit()
    worker = await world.worker()
    done, held = await worker.lease(2, seq=1)
    await worker.complete(done)
    again = await worker.lease_call(2, seq=1)
    assert [g.job for g in again.grants] == [held.job]
    await worker.complete(held)
    nothing = await worker.lease_call(2, seq=1)
    assert (nothing.grants, nothing.replayed) == ((), True)


async def test_a_repeated_seq_brings_what_that_very_call_granted(world):
    for _ in range(4):
        await world.submit()
    worker, other = await world.worker(), await world.worker()
    await worker.lease(1, seq=1)
    await worker.lease(1)
    await other.lease(1, seq=2)
    [young] = await worker.lease(1, seq=2)
    again = await worker.lease_call(1, seq=2)
    assert (again.replayed, [(g.job, g.lease) for g in again.grants]) == (True, [(young.job, young.lease)])


async def test_a_seq_that_brought_nothing_may_ask_again(world):
    worker = await world.worker()
    assert await worker.lease(1, seq=3) == []
    job = await world.submit()
    assert [g.job for g in await worker.lease(1, seq=3)] == [job]


async def test_an_older_seq_is_granted_nothing(world):
    for _ in range(3):
        await world.submit()
    worker = await world.worker()
    await worker.lease(1, seq=5)
    late = await worker.lease_call(1, seq=4)
    assert (late.grants, late.replayed) == ((), False)


async def test_a_resumed_session_may_count_seq_afresh(world):
    for _ in range(2):
        await world.submit()
    worker = await world.worker()
    held = await worker.lease(1, seq=5)
    worker.epoch = (await worker.renew(new_epoch=True, holding=((held[0].job, held[0].lease),))).epoch
    assert len(await worker.lease(1, seq=1)) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epoch": 0}, "Superseded"),
        ({"epoch": 9}, "SessionGone"),
        ({"principal": "token:other"}, "WrongWorker"),
        ({"session": "0" * 32}, "SessionGone"),
    ],
)
async def test_g3_a_session_that_is_not_the_callers_is_refused(world, change, reason):
    await world.submit()
    worker = await world.worker()
    for name, value in change.items():
        setattr(worker, name, value)
    answer = await worker.lease_call(1)
    assert (answer.grants, answer.refused) == ((), reason)


async def test_a_session_past_its_expiry_is_granted_nothing_until_it_renews(world):
    await world.submit()
    worker = await world.worker()
    world.clock.advance(15)
    assert await worker.lease(1) == []
    await worker.renew()
    assert len(await worker.lease(1)) == 1


async def test_the_byte_limit_cuts_the_order_and_one_job_always_fits(world):
    sizes = [100, 100, 1000, 10]
    jobs = [await world.submit(payload=b'{"x":"' + b"a" * size + b'"}') for size in sizes]
    worker = await world.worker()
    assert [g.job for g in await worker.lease(9, max_bytes=300)] == jobs[:2]
    assert [g.job for g in await worker.lease(9, max_bytes=300)] == jobs[2:3]
    assert [g.job for g in await worker.lease(9, max_bytes=300)] == jobs[3:]


async def test_requests_of_one_call_are_served_in_order_without_sharing_a_job(world):
    jobs = [await world.submit() for _ in range(3)]
    first, second = await world.worker(), await world.worker()
    answers = await world.store.lease([LeaseRequest(ref=first.ref, n=2), LeaseRequest(ref=second.ref, n=2)])
    assert [[g.job for g in a.grants] for a in answers] == [jobs[:2], jobs[2:]]


async def test_g2_many_sessions_at_once_never_get_the_same_job(world):
    jobs = {await world.submit() for _ in range(60)}
    workers = [await world.worker() for _ in range(12)]
    grants = [grant for call in await asyncio.gather(*(w.lease(7) for w in workers)) for grant in call]
    assert len(grants) == len({g.job for g in grants}) == 60
    assert {g.job for g in grants} == jobs


async def test_queue_concurrency_is_bounded_by_leases_and_freed_by_their_end(world):
    await world.queue(max_concurrency=2)
    for _ in range(5):
        await world.submit()
    worker = await world.worker()
    first = await worker.lease(5)
    assert len(first) == 2
    assert await worker.lease(5) == []
    await worker.complete(first[0])
    assert len(await worker.lease(5)) == 1
    await world.queue(max_concurrency=4)
    assert len(await worker.lease(5)) == 2


async def test_a_job_nobody_can_serve_does_not_use_up_the_queues_concurrency(world):
    await world.queue(max_concurrency=1)
    await world.submit(task="unknown", priority=100)
    job = await world.submit()
    worker = await world.worker()
    assert [g.job for g in await worker.lease(5)] == [job]
