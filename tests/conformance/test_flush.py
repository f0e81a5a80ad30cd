"""One flush of many strangers: a bad row, a caller who leaves, a store that is closed."""

import asyncio

import pytest

from taskjob.errors import UnavailableError
from taskjob.model import AttemptOutcome
from taskjob_engine.store import JobRef


def alone(world, item):
    return asyncio.create_task(world.store.submit([item], create_queues=True))


@pytest.mark.parametrize("bad", [{"name": "\ud800"}, {"priority": 2**80}], ids=["text", "number"])
async def test_scenario_07_one_bad_row_among_two_hundred_strangers(world, bad):
    items = [world.submission() for _ in range(200)]
    calls = [alone(world, item) for item in items]
    calls.insert(117, alone(world, world.submission(**bad)))
    answers = await asyncio.gather(*calls)
    assert answers.pop(117)[0].outcome == "rejected"
    assert [a[0].outcome for a in answers] == ["created"] * 200
    assert len(await world.all_jobs()) == 200


async def test_scenario_07_a_caller_who_leaves_mid_flush_cancels_nobodys_work(world):
    items = [world.submission() for _ in range(50)]
    calls = [alone(world, item) for item in items]
    await asyncio.sleep(0)
    calls[10].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(answers[10], asyncio.CancelledError) or answers[10][0].outcome == "created"
    others = [a[0].outcome for n, a in enumerate(answers) if n != 10]
    assert others == ["created"] * 49
    again = await world.submit_call(items[10])
    assert again[0].outcome in {"created", "existing"}
    assert len(await world.all_jobs()) == 50


async def test_scenario_07_verbs_of_many_callers_share_a_flush_without_mixing(world):
    jobs = [await world.submit() for _ in range(30)]
    worker = await world.worker()
    grants = {g.job: g for g in await worker.lease(30)}
    calls = []
    for number, job in enumerate(jobs):
        if number % 3 == 0:
            calls.append(world.store.settle([worker.settlement(grants[job], AttemptOutcome.COMPLETED)]))
        elif number % 3 == 1:
            calls.append(world.store.cancel([JobRef(namespace="default", id=job)]))
        else:
            calls.append(world.store.submit([world.submission()], create_queues=True))
    answers = await asyncio.gather(*(asyncio.create_task(call) for call in calls))
    told = [answer[0].verdict if n % 3 == 0 else answer[0].outcome for n, answer in enumerate(answers)]
    assert told == ["accepted", "changed", "created"] * 10


async def test_a_closed_store_is_unavailable_and_close_may_be_repeated(world):
    await world.submit()
    await world.store.close()
    await world.store.close()
    with pytest.raises(UnavailableError):
        await world.submit()
    with pytest.raises(UnavailableError):
        await world.store.stats(None)
    await world.reopen()
    assert len(await world.all_jobs()) == 1


async def test_calls_made_before_close_are_flushed(world):
    calls = [alone(world, world.submission()) for _ in range(20)]
    await asyncio.sleep(0)
    await world.store.close()
    answers = await asyncio.gather(*calls)
    assert [a[0].outcome for a in answers] == ["created"] * 20
    await world.reopen()
    assert len(await world.all_jobs()) == 20


async def test_the_clock_of_the_store_never_goes_back(world):
    before = world.store.now()
    world.clock.jump(-3600)
    assert world.store.now() >= before
    job = await world.job(await world.submit())
    assert job.created_at >= before
    world.clock.jump(7200)
    assert world.store.now() == world.clock.at
