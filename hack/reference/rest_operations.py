"""The table of REST operations, from the OpenAPI document that the api serves."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Any

import httpx2

METHODS = ("get", "post", "put", "patch", "delete")


async def document() -> dict[str, Any]:
    """Ask an api that was built but not started."""
    from taskjob_api.app import build_door, build_engine, create_app
    from taskjob_api.settings import ApiSettings

    with tempfile.TemporaryDirectory() as folder:
        settings = ApiSettings(store="memory://", artifacts=folder, auth="open")
        engine = build_engine(settings)
        app = create_app(settings, engine, door=build_door(settings, engine))
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            described: dict[str, Any] = (await client.get("/openapi.json")).raise_for_status().json()
            return described


def render() -> str:
    lines = ["| call | what it does | success | refusals |", "|---|---|---|---|"]
    for path, operations in sorted(asyncio.run(document())["paths"].items()):
        for method in METHODS:
            if method not in operations:
                continue
            operation = operations[method]
            told = " ".join((operation.get("summary") or operation.get("description") or "").split())
            statuses = sorted(operation["responses"])
            good = ", ".join(status for status in statuses if status < "400")
            bad = ", ".join(status for status in statuses if status >= "400")
            lines.append(f"| `{method.upper()} {path}` | {told} | {good} | {bad} |")
    return "\n".join(lines)
