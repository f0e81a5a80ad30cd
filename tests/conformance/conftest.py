"""One suite over every store: what the `JobStore` contract promises, each of them must keep."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator

import pytest
from clocks import ManualClock
from store_world import STORES, World

from taskjob_engine import stores


def _is_built(store: str) -> bool:
    spec = importlib.util.find_spec(f"{stores.__name__}.{store}.store")
    return spec is not None


BUILT = [pytest.param(store, marks=getattr(pytest.mark, store)) for store in STORES if _is_built(store)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=BUILT)
async def world(request: pytest.FixtureRequest, tmp_path, clock) -> AsyncIterator[World]:
    async with STORES[request.param](tmp_path, clock) as world:
        yield world
        await world.check_conservation()
