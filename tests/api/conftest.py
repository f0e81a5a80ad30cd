"""An api in process: the real gate, routes, engine and memory store; only the socket is missing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from taskjob_api.app import create_app
from taskjob_api.auth import Door, OpenDoor, TokenDoor
from taskjob_api.lifetime import Lifetime
from taskjob_api.settings import ApiSettings
from taskjob_engine.artifacts.file import FileArtifactStore
from taskjob_engine.engine import Engine
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import JobStore
from taskjob_engine.stores.memory import MemoryStore


class Api:
    """A client of one running api, and what stands behind it."""

    def __init__(self, client: httpx2.AsyncClient, engine: Engine, store: JobStore, lifetime: Lifetime) -> None:
        self.client = client
        self.engine = engine
        self.store = store
        self.lifetime = lifetime

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return await self.client.request(method, path, **options)

    async def submit(self, **document: Any) -> str:
        answer = await self.client.post("/jobs", json={"task": "demo"} | document)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["id"]

    async def accepted(self) -> int:
        stats = (await self.client.get("/v1/namespaces/default/stats")).json()
        assert stats["conserved"]
        return sum(queue["accepted"] for queue in stats["queues"])


StartApi = Callable[..., Awaitable[Api]]


@pytest.fixture
async def start_api(tmp_path: Path) -> AsyncIterator[StartApi]:
    """Starts apis; settings by keyword, `tokens` for a door with tokens, `door` for one of the test's own."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            *,
            tokens: Path | None = None,
            door: Door | None = None,
            store: Any = None,
            headers: Any = None,
            **settings: Any,
        ) -> Api:
            chosen = ApiSettings(**{"auth": "open", "store": "memory://"} | settings)
            store = store or MemoryStore()
            engine = Engine(store, FileArtifactStore(tmp_path / "artifacts"), EngineSettings())
            await engine.start()
            stack.push_async_callback(engine.stop)
            lifetime = Lifetime()
            lifetime.begin_serving()
            door = door or (OpenDoor() if tokens is None else TokenDoor(tokens, now=engine.now))
            app = create_app(chosen, engine, door=door, lifetime=lifetime)
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers)
            await stack.enter_async_context(client)
            return Api(client, engine, store, lifetime)

        yield start


@pytest.fixture
async def api(start_api: StartApi) -> Api:
    return await start_api()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the exploration of the OpenAPI document called, so that a run without reach is seen."""
    explored = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "openapi"
    ]
    if not explored:
        return
    figures = {operation: {e.token: e for e in explored if e.operation == operation} for operation, *_ in explored}
    calls = sum(e.calls for e in explored)
    terminalreporter.section(f"REST against its OpenAPI: {len(figures)} operations, {calls} calls")
    for operation, by_token in figures.items():
        told = (f"{token} a token {e.calls} calls, {e.reached} 2xx" for token, e in by_token.items())
        terminalreporter.line(f"{operation}: {'; '.join(told)}")
