"""Streams last only as long as the right to them, and one caller holds only so many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from taskjob.model.times import SECOND
from taskjob_api import auth, streams
from taskjob_api.routers import streams as stream_routes
from taskjob_api.server import running
from taskjob_api.settings import ApiSettings
from taskjob_api.tokens import Scope, create_token, revoke_token

NOW = 1_800_000_000 * SECOND


class House:
    """An api with a token, on a real socket: streams are seen while they go on."""

    def __init__(self, client: httpx2.AsyncClient, file: Path, token_id: str) -> None:
        self.client = client
        self.file = file
        self.token_id = token_id

    async def submit(self) -> str:
        return (await self.client.post("/jobs", json={"task": "a"})).json()["id"]


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(stream_routes, "PING_SECONDS", 0.1)
    monkeypatch.setattr(stream_routes, "LOG_POLL_SECONDS", 0.1)
    monkeypatch.setattr(auth, "RECHECK_SECONDS", 0.0)
    file = tmp_path / "tokens.json"
    token, record = create_token(file, scopes=[Scope.READ, Scope.SUBMIT], now=NOW)
    settings = ApiSettings(
        store="memory://", artifacts=str(tmp_path / "artifacts"), port=0, gateway_port=0, health_port=None,
        auth="token", tokens_file=str(file),
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        running(settings) as api,
        httpx2.AsyncClient(base_url=api.addresses.rest, headers=headers, timeout=60) as client,
    ):
        yield House(client, file, record.id)


@pytest.mark.parametrize("path", ["events", "logs?follow=true"])
async def test_a_stream_ends_with_the_token_that_it_came_with(house, path):
    url = f"/v1/namespaces/default/jobs/{await house.submit()}/{path}"
    async with asyncio.timeout(60), house.client.stream("GET", url) as stream:
        lines = stream.aiter_lines()
        while await anext(lines) != ": ping":
            pass

        revoke_token(house.file, house.token_id)

        told = [line async for line in lines]
    assert "event: end" not in told, "it was cut, not finished"
    assert (await house.client.get(url)).status_code == 401


async def test_one_caller_holds_so_many_streams_and_gets_new_ones_for_old(house, monkeypatch):
    monkeypatch.setattr(streams, "MAX_STREAMS", 2)
    url = f"/v1/namespaces/default/jobs/{await house.submit()}/events"
    async with house.client.stream("GET", url) as first:
        async with house.client.stream("GET", url) as second:
            refused = await house.client.get(url)
            assert (first.status_code, second.status_code) == (200, 200)

        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (
            429,
            "Overloaded",
            "5",
        )
        async with asyncio.timeout(60):
            while True:
                async with house.client.stream("GET", url) as again:
                    if again.status_code == 200:
                        break
                await asyncio.sleep(0.02)
