"""A client of the API server that costs little: the benchmark shares two cores with what it measures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp

from taskjob_operator.kube.target import Connection, find_connection

SECONDS = 60.0


class ApiServer:
    """Use as an async context. Every call has a time-out; an answer of 400 and above is a RuntimeError."""

    def __init__(self, kubeconfig: str | None = None) -> None:
        self._connection: Connection = find_connection(kubeconfig)

    async def __aenter__(self) -> Self:
        context = self._connection.ssl_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, ssl=context or True),
            read_bufsize=1024 * 1024,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> dict[str, Any]:
        text = await self.text(method, path, body, missing_ok=missing_ok)
        return json.loads(text) if text else {}

    async def text(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> str:
        headers = self._headers()
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with self._session.request(
            method, self._connection.server + path, json=body, headers=headers, timeout=timeout
        ) as response:
            text = await response.text()
        if response.status == 404 and missing_ok:
            return ""
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:500]}")
        return text

    @asynccontextmanager
    async def watching(self, path: str) -> AsyncIterator[Seen]:
        """What happens to the objects of a collection from now on."""
        listed = await self.call("GET", f"{path}?limit=1")
        version = listed["metadata"]["resourceVersion"]
        seen = Seen(version)
        reading = asyncio.create_task(self._read(path, seen))
        reading.add_done_callback(seen.ended)
        try:
            yield seen
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, path: str, seen: Seen) -> None:
        """A server ends the watch of a client that is slow to read; it goes on where it ended."""
        timeout = aiohttp.ClientTimeout(total=None, connect=SECONDS)
        while True:
            url = f"{self._connection.server}{path}?watch=1&resourceVersion={seen.version}"
            async with self._session.get(url, headers=self._headers(), timeout=timeout) as response:
                async for line in response.content:
                    seen.note(json.loads(line))

    def _headers(self) -> dict[str, str]:
        token = self._connection.read_token()
        return {"Authorization": f"Bearer {token}"} if token else {}


class Seen:
    """Every event of a watch, with the moment at which it was read."""

    def __init__(self, version: str) -> None:
        self.version = version
        """That of the last event."""
        self.finished_at: dict[str, float] = {}
        self.changes: dict[str, int] = {}
        self._news = asyncio.Event()
        self._error: BaseException | None = None

    def note(self, event: dict[str, Any]) -> None:
        one = event["object"]
        if event["type"] == "ERROR":
            raise RuntimeError(f"the watch: {one}")
        self.version = one["metadata"]["resourceVersion"]
        name = one["metadata"]["name"]
        if event["type"] == "MODIFIED":
            self.changes[name] = self.changes.get(name, 0) + 1
        if name not in self.finished_at and _finished(one.get("status", {})):
            self.finished_at[name] = time.perf_counter()
            self._news.set()

    def ended(self, reading: asyncio.Task[None]) -> None:
        """Nothing more will be seen."""
        if not reading.cancelled():
            self._error = reading.exception()
            self._news.set()

    async def until_finished(self, names: set[str], seconds: float) -> None:
        """Raises TimeoutError that says how many were left, and what the watch failed with."""
        try:
            async with asyncio.timeout(seconds):
                while not names <= self.finished_at.keys():
                    self._news.clear()
                    await self._news.wait()
                    if self._error is not None:
                        raise self._error
        except TimeoutError:
            raise TimeoutError(f"{len(names - self.finished_at.keys())} of {len(names)} had not finished") from None


def _finished(status: dict[str, Any]) -> bool:
    """A TaskJob, or a Job of Kubernetes, that completed."""
    if status.get("phase") == "Completed":
        return True
    return any(one["type"] == "Complete" and one["status"] == "True" for one in status.get("conditions") or [])
