"""One suite over every store: what the `JobStore` contract promises, each of them must keep."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from clocks import ManualClock
from store_world import STORES, World

MARKED = [pytest.param(store, marks=getattr(pytest.mark, store)) for store in STORES]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=MARKED)
async def world(request: pytest.FixtureRequest, tmp_path, clock) -> AsyncIterator[World]:
    async with STORES[request.param](tmp_path, clock) as world:
        yield world
        await world.check_conservation()
