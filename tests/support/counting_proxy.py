"""A proxy of HTTP calls that can act at a chosen one: before it is passed on, or after it took effect and before its
answer is. Reads go through; what changes something is counted."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from own_thread import Site
from yarl import URL

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"}


class CountingProxy:
    """`changes` names the calls that changed something, in order. `act` is called with the number of such a call
    (from 1) and "before" or "after"; what it raises cuts the connection."""

    def __init__(self, upstream: str, *, counted: Callable[[str, str], bool], cafile: str | None = None) -> None:
        self._upstream = upstream
        self._counted = counted
        self._trust = ssl.create_default_context(cafile=cafile) if cafile else None
        self.changes: list[str] = []
        self.act: Callable[[int, str], None] = lambda _number, _when: None
        self.url = ""

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._trust or True), auto_decompress=False
        )
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._site = Site(app)
        await self._site.start()
        self.url = self._site.url

    async def stop(self) -> None:
        await self._site.stop()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        number = 0
        path = urlsplit(request.path_qs)
        if self._counted(request.method, path.path):
            self.changes.append(f"{request.method} {path.path}")
            number = len(self.changes)
            self._do(request, number, "before")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        target = URL(self._upstream + request.path_qs, encoded=True)
        body = await request.read()
        async with self._session.request(
            request.method, target, headers=headers, data=body or None, timeout=aiohttp.ClientTimeout(total=None)
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            response.content_type = answer.content_type
            for name in ("Retry-After", "Content-Encoding"):
                if name in answer.headers:
                    response.headers[name] = answer.headers[name]
            if number:
                content = await answer.read()
                self._do(request, number, "after")
                await response.prepare(request)
                await response.write(content)
            else:
                await response.prepare(request)
                with contextlib.suppress(ConnectionError):
                    async for chunk in answer.content.iter_any():
                        await response.write(chunk)
        return response

    def _do(self, request: web.Request, number: int, when: str) -> None:
        try:
            self.act(number, when)
        except ConnectionError:
            assert request.transport is not None
            request.transport.abort()
            raise


class Proxy(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


AnyProxy = TypeVar("AnyProxy", bound=Proxy)
