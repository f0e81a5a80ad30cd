"""watch: hints after each commit, on the event loop."""

import asyncio

from taskjob.model import Phase
from taskjob_engine.store import Amendment, JobRef


def listen(world):
    heard = []
    stop = world.store.watch(heard.extend)
    return heard, stop


async def settle_down():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_new_ready_work_is_hinted_with_its_queue_and_task(world):
    heard, _ = listen(world)
    await world.submit(queue="q", task="t")
    await settle_down()
    assert [(w.namespace, w.queue, w.task) for w in heard if w.is_ready_work] == [("default", "q", "t")]


async def test_a_change_of_a_job_is_hinted_with_its_phase(world):
    heard, _ = listen(world)
    job = await world.submit()
    worker = await world.worker()
    await worker.complete(await worker.lease_one())
    await settle_down()
    assert [w.phase for w in heard if job in (w.job, *w.jobs)][-1] is Phase.COMPLETED


async def test_waiting_work_that_becomes_ready_is_hinted(world):
    late = await world.submit(start_after=world.clock.at + 1)
    holder = await world.submit(concurrency_key="k")
    await world.submit(concurrency_key="k", task="waiter")
    suspended = await world.submit(suspend=True, task="suspended")
    await settle_down()
    heard, _ = listen(world)
    world.clock.advance(1)
    await world.promote()
    await settle_down()
    assert "demo" in {w.task for w in heard if w.is_ready_work}
    heard.clear()
    await world.cancel(holder)
    await settle_down()
    assert "waiter" in {w.task for w in heard if w.is_ready_work}
    heard.clear()
    await world.store.amend([Amendment(ref=JobRef(namespace="default", id=suspended), suspend=False)])
    await settle_down()
    assert "suspended" in {w.task for w in heard if w.is_ready_work}
    assert (await world.job(late)).phase is Phase.QUEUED


async def test_a_queue_that_may_lease_again_is_hinted(world):
    await world.submit(queue="q", task="t")
    await world.queue("q", paused=True)
    await settle_down()
    heard, _ = listen(world)
    await world.queue("q", paused=False)
    await settle_down()
    assert ("q", "t") in {(w.queue, w.task) for w in heard if w.is_ready_work}


async def test_a_stopped_watcher_hears_nothing_and_a_failing_one_hurts_nobody(world):
    heard, stop = listen(world)
    stop()

    def broken(_):
        raise RuntimeError("a bug in a watcher")

    world.store.watch(broken)
    after, _ = listen(world)
    await world.submit()
    await settle_down()
    assert heard == []
    assert after
