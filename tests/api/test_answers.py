"""Kept answers: for how long, how many, and who is asked how often."""

from __future__ import annotations

import asyncio

import pytest

from taskjob_api.identity.answers import Answers


class Oracle:
    def __init__(self):
        self.asked = 0
        self.answer = True
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self):
        self.asked += 1
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def kept(limit=10):
    clock = [0.0]
    return Answers(limit=limit, seconds=lambda yes: 30.0 if yes else 5.0, monotonic=lambda: clock[0]), clock


async def test_a_yes_counts_for_its_time_and_a_no_for_its_own():
    answers, clock = kept()
    oracle = Oracle()
    for answer, seconds in ((True, 30.0), (False, 5.0)):
        oracle.answer, before = answer, oracle.asked
        await answers.get(answer, oracle)
        clock[0] += seconds - 0.1
        await answers.get(answer, oracle)
        assert oracle.asked == before + 1
        clock[0] += 0.1
        await answers.get(answer, oracle)
        assert oracle.asked == before + 2


async def test_who_asks_meanwhile_waits_for_the_same_answer():
    answers, _ = kept()
    oracle = Oracle()
    oracle.open.clear()
    waiting = [asyncio.create_task(answers.get("key", oracle)) for _ in range(100)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # the one whose question it is gives up
    oracle.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [True] * 99 == results[1:]
    assert oracle.asked == 1


async def test_a_failure_is_told_to_all_who_wait_and_kept_for_nobody():
    answers, _ = kept()
    oracle = Oracle()
    oracle.answer = OSError("down")
    oracle.open.clear()
    waiting = [asyncio.create_task(answers.get("key", oracle)) for _ in range(3)]
    await asyncio.sleep(0)
    oracle.open.set()
    assert [OSError] * 3 == [type(error) for error in await asyncio.gather(*waiting, return_exceptions=True)]
    oracle.answer = True
    assert await answers.get("key", oracle)
    assert oracle.asked == 2


async def test_a_failure_that_nobody_waits_for_disturbs_nobody():
    answers, _ = kept()
    oracle = Oracle()
    oracle.answer = OSError("down")
    oracle.open.clear()
    waiting = asyncio.create_task(answers.get("key", oracle))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    oracle.open.set()
    await asyncio.sleep(0.01)


async def test_the_oldest_give_way():
    answers, _ = kept(limit=3)
    oracle = Oracle()
    for key in range(1000):
        await answers.get(key, oracle)
    assert len(answers) == 3
    before = oracle.asked
    await answers.get(999, oracle)
    assert oracle.asked == before
    await answers.get(0, oracle)
    assert oracle.asked == before + 1
