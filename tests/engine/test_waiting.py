"""The long poll and the event stream: no change is missed, nobody waits for anybody."""

import asyncio

from taskjob.model import AttemptOutcome, Phase
from taskjob_engine.events import LISTENER_BACKLOG
from taskjob_engine.store import JobRef, WakeUp


async def test_wait_returns_as_soon_as_the_job_is_finished(idle_lab):
    await idle_lab.start(poll_seconds=30.0)  # longer than the test may take: only the wake-up can end the wait
    lab = idle_lab
    worker = await lab.session()
    ref = await lab.submit()
    grant = await worker.run_one()
    waiting = asyncio.create_task(lab.engine.wait(ref, seconds=30))
    await asyncio.sleep(0)
    assert (await worker.settle(grant)).phase is Phase.COMPLETED
    async with asyncio.timeout(10):
        assert (await waiting).phase is Phase.COMPLETED


async def test_wait_sees_a_finish_between_its_look_and_its_sleep(idle_lab):
    """The wake-up comes while the store is being read, with an answer that is already old."""
    await idle_lab.start(poll_seconds=30.0)
    lab = idle_lab
    ref = await lab.submit()
    read = lab.store.get
    raced = False

    async def get(refs):
        nonlocal raced
        answer = await read(refs)
        if not raced:
            raced = True
            await lab.engine.cancel([ref])
        return answer

    lab.store.get = get
    async with asyncio.timeout(10):
        job = await lab.engine.wait(ref, seconds=30)
    assert raced
    assert job.phase is Phase.CANCELLED


async def test_wait_finds_out_by_itself_when_wake_ups_are_lost(lab):
    ref = await lab.submit()
    lab.engine._unwatch()
    waiting = asyncio.create_task(lab.engine.wait(ref, seconds=30))
    await asyncio.sleep(0)
    await lab.engine.cancel([ref])
    async with asyncio.timeout(10):
        assert (await waiting).phase is Phase.CANCELLED


async def test_wait_tells_an_unfinished_job_when_the_time_is_over(lab):
    ref = await lab.submit()
    assert (await lab.engine.wait(ref, seconds=0.1)).phase is Phase.QUEUED
    assert (await lab.engine.wait(ref, seconds=0)).phase is Phase.QUEUED


async def test_wait_for_an_unknown_or_foreign_job_ends_at_once(lab):
    ref = await lab.submit()
    async with asyncio.timeout(10):
        assert await lab.engine.wait(JobRef(namespace="default", id=lab.new_id()), seconds=60) is None
        assert await lab.engine.wait(JobRef(namespace="other", id=ref.id), seconds=60) is None


async def test_a_wait_reads_the_store_only_when_the_job_may_be_finished(idle_lab, monkeypatch):
    await idle_lab.start(poll_seconds=30.0)
    lab = idle_lab
    worker = await lab.session()
    ref = await lab.submit()
    reads = 0
    looked = asyncio.Event()
    get = lab.store.get

    async def counted(refs):
        nonlocal reads
        reads += 1
        looked.set()
        return await get(refs)

    monkeypatch.setattr(lab.store, "get", counted)
    async with lab.engine.events("default", job=ref.id) as stream, asyncio.timeout(10):
        waiting = asyncio.create_task(lab.engine.wait(ref, seconds=30))
        await looked.wait()
        grant = await worker.run_one()
        while (await anext(stream)).phase is not Phase.RUNNING:
            pass
        assert reads == 1
        await worker.settle(grant)
        assert (await waiting).phase is Phase.COMPLETED
    assert reads == 2


async def test_a_thousand_waiters_of_one_job_leave_nothing_behind(lab):
    ref = await lab.submit()
    waits = [asyncio.create_task(lab.engine.wait(ref, seconds=30)) for _ in range(1000)]
    await asyncio.sleep(0)
    for wait in waits[:500]:
        wait.cancel()
    await lab.engine.cancel([ref])
    ended = await asyncio.gather(*waits, return_exceptions=True)
    assert sum(isinstance(end, asyncio.CancelledError) for end in ended) == 500
    assert not lab.engine._hub._listeners


async def test_events_tell_the_life_of_a_job_in_order(lab):
    worker = await lab.session()
    async with lab.engine.events("default") as stream:
        ref = await lab.submit()
        grant = await worker.run_one()
        await worker.settle(grant)
        phases = [(await anext(stream)).phase for _ in range(4)]
    assert phases == [Phase.QUEUED, Phase.ASSIGNED, Phase.RUNNING, Phase.COMPLETED]
    assert grant.job == ref.id


async def test_events_are_filtered_by_namespace_queue_and_job(lab):
    everything, images = lab.engine.events("default"), lab.engine.events("default", queue="images")
    first = await lab.submit(queue="images")
    only_first = lab.engine.events("default", job=first.id)
    second = await lab.submit(queue="mail")
    await lab.submit(namespace="other")
    await lab.engine.cancel([first, second])
    seen = {name: drain(stream) for name, stream in [("all", everything), ("images", images), ("first", only_first)]}
    assert {e.job for e in seen["all"]} == {first.id, second.id}
    assert {e.job for e in seen["images"]} == {first.id}
    assert [(e.job, e.phase) for e in seen["first"]] == [(first.id, Phase.CANCELLED)]


async def test_events_of_cancels_tell_only_of_leased_jobs(lab):
    worker = await lab.session()
    cancelling = lab.engine.events("default", cancelling=True)
    leased = await lab.submit()
    await worker.run_one()
    waiting = await lab.submit()
    await lab.engine.cancel([leased, waiting])
    assert [hint.job for hint in drain(cancelling)] == [leased.id]


def drain(stream):
    hints = list(stream._backlog)
    stream.close()
    return hints


async def test_a_slow_listener_loses_the_oldest_and_holds_up_nobody(lab):
    slow, quick = lab.engine.events("default"), lab.engine.events("default")
    hints = [WakeUp(namespace="default", queue="q", job=str(number)) for number in range(LISTENER_BACKLOG + 10)]
    for hint in hints:
        lab.engine._hub.publish([hint])
        assert await anext(quick) == hint
    assert slow.dropped == 10
    assert await anext(slow) == hints[10]
    assert quick.dropped == 0


async def test_stop_ends_waits_and_streams(lab):
    ref = await lab.submit()
    stream = lab.engine.events("default")
    waiting = asyncio.create_task(lab.engine.wait(ref, seconds=600))
    listening = asyncio.create_task(collect(stream))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await lab.engine.stop()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await listening == []
    assert await collect(lab.engine.events("default")) == [], "a stream begun after the stop is over at once"


async def collect(stream):
    return [hint async for hint in stream]


async def test_a_released_job_wakes_nobody_for_ever(lab):
    """A waiter of a job that goes round in circles still gets its answer when the time is over."""
    worker = await lab.session()
    ref = await lab.submit()
    waiting = asyncio.create_task(lab.engine.wait(ref, seconds=0.3))
    async with asyncio.timeout(10):
        while not waiting.done():
            for grant in await worker.lease():
                await worker.settle(grant, AttemptOutcome.RELEASED)
            await asyncio.sleep(0.01)
    assert not (await waiting).phase.is_terminal
