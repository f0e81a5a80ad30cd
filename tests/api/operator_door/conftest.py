"""An api over each store, and the operator that speaks to it."""

from __future__ import annotations

import pytest
from clocks import ManualClock
from operator_side import OperatorSide
from store_world import World

from taskjob_engine.stores.memory import MemoryStore
from taskjob_engine.stores.sqlite import SQLiteStore


@pytest.fixture(
    params=[pytest.param("memory", marks=pytest.mark.memory), pytest.param("sqlite", marks=pytest.mark.sqlite)]
)
async def api(request, start_api, tmp_path):
    store = MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "taskjob.db")
    return await start_api(store=store)


@pytest.fixture
def operator(api) -> OperatorSide:
    return OperatorSide(api.client)


@pytest.fixture
def world(api) -> World:
    """Short words for what workers and people do meanwhile."""

    async def never():
        raise AssertionError("the store stays open")

    return World(api.store, ManualClock(), never)
