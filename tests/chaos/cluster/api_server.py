"""The cluster's API server as the run's client sees it, through `kubectl proxy`: every call is repeated until it is
answered, for the API server itself is among those that are restarted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from kube_cluster import Cluster

PATIENCE_SECONDS = 120.0
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}


class ApiServer:
    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.repeated = 0
        """Calls without an answer, which were made again."""

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **params: str
    ) -> httpx2.Response:
        """The answer, once there is one that is not of an outage or of haste. Raises TimeoutError."""
        content = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})} if content else {}
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                reply = await self.http.request(method, path, content=content, headers=sent, params=params)
            except httpx2.HTTPError:
                pass
            else:
                if not _of_an_outage(reply):
                    return reply
            self.repeated += 1
            await asyncio.sleep(0.3)
        raise TimeoutError(f"{method} {path} got no answer in {PATIENCE_SECONDS:g} s")

    async def get(self, path: str, **params: str) -> Any:
        reply = await self.call("GET", path, **params)
        reply.raise_for_status()
        return reply.json()


def _of_an_outage(reply: httpx2.Response) -> bool:
    """An API server that has just started forbids everything, and has not heard of custom resources."""
    unserved = reply.status_code == 404 and '"NotFound"' not in reply.text
    return reply.status_code in {403, 429} or reply.status_code >= 500 or unserved


@contextlib.asynccontextmanager
async def proxied(cluster: Cluster) -> AsyncIterator[ApiServer]:
    process = cluster.start("kubectl", "proxy", "--port=0", "--address=127.0.0.1")
    try:
        assert process.stdout is not None
        said = await asyncio.to_thread(process.stdout.readline)
        found = re.search(r"127\.0\.0\.1:\d+", said)
        if found is None:
            raise SystemExit(f"kubectl proxy did not start: {said}")
        limits = httpx2.Limits(max_connections=50)
        async with httpx2.AsyncClient(base_url=f"http://{found[0]}", timeout=20.0, limits=limits) as http:
            yield ApiServer(http)
    finally:
        process.terminate()
        process.wait(timeout=10)


def taskjobs(namespace: str, name: str = "") -> str:
    return f"/apis/taskjob.dev/v1alpha1/namespaces/{namespace}/taskjobs" + (f"/{name}" if name else "")


def pods(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/pods" + (f"/{name}" if name else "")
