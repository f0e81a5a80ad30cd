"""What every call meets first: request ids, bounds of time, and errors that are always problems."""

from __future__ import annotations

import asyncio
import logging

import pytest

from taskjob_api import gate
from taskjob_engine.stores.memory import MemoryStore


class StuckStore(MemoryStore):
    async def stats(self, namespace):
        await asyncio.Event().wait()

    async def put_queue(self, change):
        await asyncio.Event().wait()


class BrokenStore(MemoryStore):
    async def stats(self, namespace):
        raise RuntimeError("secret inside")


async def test_a_call_that_takes_too_long_is_given_up(start_api, monkeypatch):
    monkeypatch.setattr(gate, "MAX_WAIT_SECONDS", 0)
    api = await start_api(store=StuckStore(), request_seconds=0.05)

    reading = await api.call("GET", "/v1/namespaces/default/stats")
    changing = await api.call("PUT", "/v1/namespaces/default/queues/images", json={})

    assert (reading.status_code, reading.json()["code"]) == (503, "Unavailable")
    assert (changing.status_code, changing.json()["code"]) == (504, "OutcomeUnknown")


async def test_a_fault_of_ours_is_logged_with_its_request_id_and_told_without_its_text(start_api, caplog):
    api = await start_api(store=BrokenStore())

    with caplog.at_level(logging.ERROR):
        answer = await api.call("GET", "/v1/namespaces/default/stats", headers={"x-request-id": "mine-1"})

    assert (answer.status_code, answer.json()["code"], answer.headers["x-request-id"]) == (500, "Internal", "mine-1")
    assert "secret" not in answer.text
    assert "mine-1" in caplog.text


@pytest.mark.parametrize("given", ["a b", "x" * 65, "a;b", ""])
async def test_an_odd_request_id_is_replaced(api, given):
    first = await api.call("GET", "/healthz", headers={"x-request-id": given})
    second = await api.call("GET", "/healthz")

    assert first.headers["x-request-id"] != given
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_web_socket_is_closed(api):
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await api.client._transport.app({"type": "websocket", "path": "/jobs", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_client_that_goes_away_is_not_answered_and_submits_nothing(api):
    sent = []
    messages = iter([{"type": "http.request", "body": b'{"task":', "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/jobs", "headers": headers, "client": ("127.0.0.1", 1)}
    await api.client._transport.app(scope, receive, send)

    assert sent == []
    assert await api.accepted() == 0


async def test_a_body_that_dribbles_in_is_given_up(start_api):
    api = await start_api(request_seconds=0.05)
    never = asyncio.Event()

    async def dribble():
        yield b'{"task":'
        await never.wait()

    headers = {"content-type": "application/json"}
    answer = await api.call("POST", "/jobs", content=dribble(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (408, "RequestTimeout")
    assert await api.accepted() == 0
