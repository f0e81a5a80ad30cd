"""The list of what to look at: each key once at a time, failures later each time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from taskjob_operator.queues import agenda as module
from taskjob_operator.queues.agenda import Agenda, Key

A, B = ("n", "a"), ("n", "b")


@asynccontextmanager
async def running(look: Callable[[Key], Awaitable[float | None]], workers: int = 3) -> AsyncIterator[Agenda]:
    agenda = Agenda(look, name="thing")
    task = asyncio.create_task(agenda.run(workers))
    try:
        yield agenda
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_asked_for_often_is_looked_at_once_at_a_time_and_once_more() -> None:
    seen: Counter[Key] = Counter()
    inside: Counter[Key] = Counter()
    go_on, begun, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def look(key: Key) -> None:
        seen[key] += 1
        inside[key] += 1
        assert inside[key] == 1
        begun.set()
        if key == A:
            await go_on.wait()
        else:
            done.set()
        inside[key] -= 1
        if seen[A] == 2:
            done.set()

    async with running(look) as agenda, asyncio.timeout(10):
        agenda.add(A)
        await begun.wait()
        for _ in range(50):
            agenda.add(A)
        agenda.add(B)  # another key does not wait
        await done.wait()
        done.clear()
        go_on.set()
        await done.wait()

    assert seen == {A: 2, B: 1}


async def test_a_look_may_ask_for_the_next() -> None:
    seen: list[Key] = []
    done = asyncio.Event()

    async def look(key: Key) -> float | None:
        seen.append(key)
        if len(seen) == 3:
            done.set()
            return None
        return 0.0

    async with running(look) as agenda, asyncio.timeout(10):
        agenda.add(A)
        await done.wait()
        assert len(agenda) <= 1

    assert [A, A, A] == seen


async def test_sooner_wins() -> None:
    done = asyncio.Event()

    async def look(_key: Key) -> None:
        done.set()

    async with running(look) as agenda, asyncio.timeout(10):
        agenda.add(A, 3600)
        agenda.add(A, 0.01)
        await done.wait()


async def test_what_fails_is_tried_again_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.001)
    tries: Counter[Key] = Counter()
    done = asyncio.Event()

    async def look(key: Key) -> None:
        tries[key] += 1
        if key == A and tries[A] < 4:
            raise RuntimeError("not today")
        if key == A:
            done.set()

    async with running(look, workers=1) as agenda, asyncio.timeout(10):
        agenda.add(A)
        agenda.add(B)
        await done.wait()

    assert tries == {A: 4, B: 1}
