"""The group commit: many calls, one flush; in order; and nobody pays for a stranger."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from sqlite_crew import Crew, job

from taskjob.errors import UnavailableError
from taskjob.model import AttemptOutcome
from taskjob_engine.store import JobFilter, JobRef, LeaseRequest, SessionOpen, SessionRef, Settlement
from taskjob_engine.stores.sqlite import SQLiteStore

DEFAULT = JobFilter(namespace="default")


async def test_calls_that_wait_together_share_commits(store):
    before = store.standing().seq
    free = threading.Event()
    disk = asyncio.ensure_future(store._writer.call(lambda _: free.wait(60)))
    calls = [asyncio.ensure_future(store.submit([job()], create_queues=True)) for _ in range(200)]
    await asyncio.sleep(0)  # all of them wait behind one that is being written
    free.set()
    await asyncio.gather(disk, *calls)
    assert store.standing().seq - before <= 2
    assert await store.count(DEFAULT, limit=1_000) == 200


async def test_a_flush_takes_what_is_over_its_cap_into_the_next(store):
    before = store.standing().seq
    await asyncio.gather(*(store.submit([job() for _ in range(300)], create_queues=True) for _ in range(4)))
    assert store.standing().seq - before == 4
    assert await store.count(DEFAULT, limit=2_000) == 1_200


async def test_a_lease_right_behind_a_submit_grants_the_job_with_the_same_commit(store, crew):
    before = store.standing().seq
    submitted, leased = await asyncio.gather(
        store.submit([job(id="0" * 31 + "a")], create_queues=True),
        store.lease([LeaseRequest(ref=crew.ref, n=1)]),
    )
    assert [grant.job for grant in leased[0].grants] == [submitted[0].id]
    assert store.standing().seq - before == 1


async def test_a_lease_of_the_turn_after_a_submit_has_the_same_commit_though_the_writer_is_idle(store, crew):
    """As a waiting session is asked for: the writer thread could take the submit alone meanwhile, and the job would
    start a commit later."""
    before = store.standing().seq

    async def lease():
        return await store.lease([LeaseRequest(ref=crew.ref, n=1)])

    asyncio.get_running_loop().call_soon(time.sleep, 0.05)  # between the two turns, with the interpreter lock let go
    leasing = asyncio.create_task(lease())
    [submitted] = await store.submit([job(id="0" * 31 + "a")], create_queues=True)
    [leased] = await leasing

    assert [grant.job for grant in leased.grants] == [submitted.id]
    assert store.standing().seq - before == 1


async def test_calls_take_effect_in_the_order_in_which_they_were_made(store, crew):
    [first] = await crew.submit(1)
    [grant] = await crew.lease(1)
    settlement = Settlement(
        job=first, lease=grant.lease, session=crew.ref.session, principal="crew", outcome=AttemptOutcome.COMPLETED
    )
    ref = JobRef(namespace="default", id=first)
    settled, cancelled, again = await asyncio.gather(
        store.settle([settlement]), store.cancel([ref]), store.settle([settlement])
    )
    assert [settled[0].verdict, cancelled[0].outcome, again[0].verdict] == ["accepted", "refused", "replayed"]


async def test_a_cancelled_waiter_does_not_cancel_the_flush(store):
    calls = [asyncio.ensure_future(store.submit([job()], create_queues=True)) for _ in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == 10
    await store.submit([job()], create_queues=True)
    assert await store.count(DEFAULT, limit=100) == 21


async def test_a_bad_call_fails_alone(store):
    """A value that slips past every check breaks the statement it is bound to, in the middle of a shared flush."""
    bad = job(concurrency_key=None, name=object())
    calls = [store.submit([job()], create_queues=True) for _ in range(5)]
    outcomes = await asyncio.gather(*calls, store.submit([bad], create_queues=True), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes[:5]] == [list] * 5
    assert isinstance(outcomes[5], Exception)
    assert await store.count(DEFAULT, limit=100) == 5
    stats, scanned = await store.stats(None), await store.audit()
    assert stats.conserved
    assert stats.queues == scanned.queues


async def test_close_carries_out_what_was_accepted(path):
    store = SQLiteStore(path)
    await store.open()
    calls = [asyncio.ensure_future(store.submit([job()], create_queues=True)) for _ in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*calls)
    with pytest.raises(UnavailableError):
        await store.submit([job()], create_queues=True)
    await store.close()
    await store.open()
    assert await store.count(DEFAULT, limit=100) == 50
    await store.close()


async def test_close_before_open_is_no_mistake(path):
    await SQLiteStore(path).close()


async def test_waiting_hints_name_the_work_and_the_job(store, crew):
    told = []
    stop = store.watch(told.extend)
    [first] = await crew.submit(1)
    stop()
    await crew.submit(1)
    assert {(hint.task, hint.job, hint.jobs) for hint in told} == {("work", None, ()), ("work", None, (first,))}


async def test_a_lease_at_a_long_queue_does_not_read_the_queue(store):
    """Cost by SQLite's own count of steps, not by time: ten thousand queued jobs cost what a hundred do."""
    crew = await Crew.join(store)
    steps = []
    for queued in (100, 10_000):
        while await store.count(DEFAULT, limit=20_000) < queued:
            await crew.submit(min(queued, 1_000))
        steps.append(await _steps_of(store, crew.lease(10)))
    assert steps[1] < steps[0] * 1.5


async def _steps_of(store, call) -> int:
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    connection = store._opened.connection
    connection.set_progress_handler(count, 10)
    await call
    connection.set_progress_handler(None, 0)
    return counted


async def test_many_streams_are_merged_in_rank_order_whoever_holds_the_best(store):
    """Twelve queues, one of them with nearly all of the most urgent jobs: the fair share of each is not enough."""
    names = tuple(f"queue-{at}" for at in range(12))
    ref = SessionRef(session="5" * 32, epoch=1, principal="crew")
    await store.session_open(
        SessionOpen(
            session=ref.session,
            principal=ref.principal,
            worker="w",
            namespace="default",
            queues=names,
            tasks=("work", "other", "unknown"),
            slots=500,
            carrier="tcp",
            ttl_seconds=60.0,
        )
    )
    wanted = []
    for at, name in enumerate(names):
        for number in range(60):
            urgent = at == 7 or number == 0
            one = job(queue=name, task=("work", "other")[number % 2], priority=5 if urgent else at % 3)
            wanted.append((-one.priority, one.id))
            await store.submit([one], create_queues=True)
    got = []
    while grants := (await store.lease([LeaseRequest(ref=ref, n=50)]))[0].grants:
        got += [grant.job for grant in grants]
    assert len(got) == len(wanted) == 720
    urgent = sorted(wanted)[: 60 + 11]
    assert got[: len(urgent)] == [one for _, one in urgent]


async def test_a_keyed_job_keeps_its_result_and_hands_its_permit_on(store, crew):
    first, second = await crew.submit(2, concurrency_key="customer-7")
    [grant] = await crew.lease(10)
    assert await crew.complete((grant,), result=b'{"n":1}', result_ref="default/a/result.json") == ["accepted"]
    [job_done, job_next] = await store.get([JobRef(namespace="default", id=one) for one in (first, second)])
    assert (grant.job, bytes(job_done.result), job_done.result_ref) == (first, b'{"n":1}', "default/a/result.json")
    assert job_next.phase == "queued"
