"""One timer for many calls: each ends at its own time, and nobody's cancellation is taken for ours."""

import asyncio

import pytest

from taskjob_api.time_limit import TimeLimit


async def forever(limit: TimeLimit) -> None:
    with limit.call():
        await asyncio.Event().wait()


async def test_each_call_ends_when_its_own_time_is_over():
    limit = TimeLimit(0.01)
    first = asyncio.create_task(forever(limit))
    with pytest.raises(TimeoutError):
        await first
    for again in [asyncio.create_task(forever(limit)) for _ in range(3)]:
        with pytest.raises(TimeoutError):
            await again


async def test_what_ends_in_time_is_left_alone():
    limit = TimeLimit(0.01)
    with limit.call():
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await forever(limit)
    assert asyncio.current_task().cancelling() == 0


async def test_a_stranger_s_cancellation_stays_one():
    limit = TimeLimit(60.0)
    call = asyncio.create_task(forever(limit))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_an_error_of_the_call_is_told_as_it_is():
    with pytest.raises(ValueError, match="mine"), TimeLimit(60.0).call():
        raise ValueError("mine")
