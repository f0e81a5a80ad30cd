"""Peers that stop in the middle of a request, on real sockets: nobody holds a connection or a call for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from taskjob_api import rest_server, submit_route
from taskjob_api.server import running
from taskjob_api.settings import ApiSettings

WAIT_SECONDS = 60.0


class Peer:
    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self.reader = reader
        self.writer = writer
        self.others: list[Peer] = []

    @classmethod
    async def connect(cls, port: int) -> Peer:
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    async def another(self) -> Peer:
        self.others.append(await Peer.connect(self.port))
        return self.others[-1]

    async def says(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hears(self) -> bytes:
        """One answer, with its body."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return head + await self.reader.readexactly(length)

    async def is_closed(self) -> bool:
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


@pytest.fixture
async def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    monkeypatch.setattr(rest_server, "UNREAD_BODY_SECONDS", 0.5)
    monkeypatch.setattr(rest_server, "KEEP_ALIVE_SECONDS", 1)
    settings = ApiSettings(
        store="memory://", artifacts=str(tmp_path), port=0, gateway_port=0, health_port=None, auth="open",
        request_seconds=3.0,
    )  # fmt: skip
    async with running(settings) as api:
        peer = await Peer.connect(int(api.addresses.rest.rpartition(":")[2]))
        yield peer
        for each in (peer, *peer.others):
            each.writer.close()


def post(path: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


async def test_a_submit_whose_body_never_begins_is_answered(peer):
    await peer.says(post("/jobs", 100))

    answer = await peer.hears()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"RequestTimeout"' in answer
    assert await peer.is_closed()


async def test_an_answer_before_the_body_keeps_no_connection(peer):
    await peer.says(post("/nothing", 1000))
    assert (await peer.hears()).startswith(b"HTTP/1.1 404 ")

    await peer.says(b"x")

    assert await peer.is_closed()


async def test_a_body_that_arrives_after_its_answer_does_no_harm(peer, monkeypatch):
    monkeypatch.setattr(rest_server, "UNREAD_BODY_SECONDS", 60.0)
    await peer.says(post("/nothing", 10))
    assert (await peer.hears()).startswith(b"HTTP/1.1 404 ")

    await peer.says(b"x" * 10 + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert (await peer.hears()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("stray", [b"", b"\r\n"])
async def test_an_idle_connection_ends_whatever_came_last(peer, stray):
    await peer.says(post("/nothing", 10))
    await peer.hears()

    await peer.says(b"x" * 10 + stray)

    assert await peer.is_closed()


async def test_bodies_under_way_are_bounded_in_bytes_before_they_are_read(peer, monkeypatch):
    monkeypatch.setattr(submit_route, "MAX_BYTES_IN_FLIGHT", 1000)
    await peer.says(post("/jobs", 600))
    body = b'{"task": "a", "payload": {"text": "%s"}}' % (b"x" * 500)
    second = await peer.another()

    await second.says(post("/jobs", len(body)) + body)
    shed = await second.hears()
    assert (await peer.hears()).startswith(b"HTTP/1.1 408 ")
    third = await peer.another()
    await third.says(post("/jobs", len(body)) + body)
    accepted = await third.hears()

    assert shed.startswith(b"HTTP/1.1 429 ")
    assert b'"Overloaded"' in shed
    assert b"retry-after: 1\r\n" in shed.lower()
    assert accepted.startswith(b"HTTP/1.1 201 ")
