"""One session with the API server. Each method is one call; writes are made only while `fence` lets them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from taskjob_operator.kube.errors import KubeError, error_of
from taskjob_operator.kube.target import Connection

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
FIELD_MANAGER = "taskjob-operator"
TOKEN_SECONDS = 30.0
"""How long a token that was read from its file is used without looking again."""

CONTINUED_TOO_LATE = 410


def unfenced() -> None:
    """No leadership is asked for."""


class KubeClient:
    """Create and close it inside the event loop. `fence` is called before each write and raises where this process
    must not write any more. `connections` are for calls; streams have their own."""

    def __init__(
        self,
        connection: Connection,
        *,
        fence: Callable[[], None] = unfenced,
        connections: int = 40,
        seconds: float = 15.0,
    ) -> None:
        self._connection = connection
        self._fence = fence
        self._token: str | None = None
        self._token_until = 0.0
        self._session = self._open(connections, seconds)
        # Watches are as many as there are namespaces to watch, and each holds its connection: no call waits for one.
        self._streams = self._open(0, seconds)

    def _open(self, connections: int, seconds: float) -> aiohttp.ClientSession:
        """0 connections are any number."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=self._connection.ssl_context() or True),
            timeout=aiohttp.ClientTimeout(total=seconds, connect=min(seconds, 5.0)),
            headers={"User-Agent": FIELD_MANAGER},
            auto_decompress=True,
        )

    async def close(self) -> None:
        await self._session.close()
        await self._streams.close()

    async def get(self, path: str, **query: str) -> bytes:
        return await self._call("GET", path, query)

    async def create(self, path: str, body: Any) -> bytes:
        self._fence()
        return await self._call("POST", path, {"fieldManager": FIELD_MANAGER}, body=body)

    async def replace(self, path: str, body: Any) -> bytes:
        self._fence()
        return await self._call("PUT", path, {"fieldManager": FIELD_MANAGER}, body=body)

    async def patch(self, path: str, body: Any, content_type: str = JSON_PATCH, **query: str) -> bytes:
        self._fence()
        return await self._call(
            "PATCH", path, {"fieldManager": FIELD_MANAGER, **query}, body=body, content_type=content_type
        )

    async def put_status(self, path: str, uid: str, status: Any) -> bytes:
        """Replace the whole status of the object with that uid and of no namesake (422)."""
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        return await self.patch(path + "/status", operations)

    async def delete(self, path: str, uid: str) -> bytes:
        """Delete the object with that uid and no namesake (409)."""
        self._fence()
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        return await self._call("DELETE", path, {}, body=body)

    async def pages(
        self, collection: str, *, limit: int = 500, metadata_only: bool = False
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """All objects of one consistent list, page by page. Raises `KubeError` 410 where the list grew too old
        half-way: begin again."""
        query = {"limit": str(limit)}
        while True:
            body = await self._call("GET", collection, query, accept=METADATA_ONLY if metadata_only else JSON)
            page = msgspec.json.decode(body)
            yield page.get("items") or []
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def lines(self, path: str, *, silent_seconds: float, **query: str) -> AsyncIterator[bytes]:
        """The lines of an answer that goes on, such as a watch's, until it ends. Raises `KubeError` 0 where it is
        silent for so long."""
        url = URL(f"{self._connection.server}{path}?{urlencode(query)}", encoded=True)
        headers = {"Accept": JSON}
        patience = aiohttp.ClientTimeout(total=None, connect=5.0, sock_read=silent_seconds)
        rest = b""
        try:
            if token := self._read_token():
                headers["Authorization"] = f"Bearer {token}"
            async with self._streams.get(url, headers=headers, timeout=patience) as response:
                if response.status >= 400:
                    raise error_of(response.status, await response.read(), response.headers.get("Retry-After"))
                async for chunk in response.content.iter_any():
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise KubeError(0, "NoAnswer", f"{type(error).__name__}: {error}") from error

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        *,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        url = URL(f"{self._connection.server}{path}{'?' if query else ''}{urlencode(query)}", encoded=True)
        headers = {"Accept": accept}
        data = None
        if body is not None:
            data = msgspec.json.encode(body)
            headers["Content-Type"] = content_type
        try:
            if token := self._read_token():
                headers["Authorization"] = f"Bearer {token}"
            async with self._session.request(method, url, data=data, headers=headers) as response:
                answer = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise KubeError(0, "NoAnswer", f"{type(error).__name__}: {error}") from error
        if response.status >= 400:
            if response.status == 401:
                self._token_until = 0.0
            raise error_of(response.status, answer, response.headers.get("Retry-After"))
        return answer

    def _read_token(self) -> str | None:
        now = time.monotonic()
        if now >= self._token_until:
            self._token = self._connection.read_token()
            self._token_until = now + TOKEN_SECONDS
        return self._token
