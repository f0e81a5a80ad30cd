"""Liveness, readiness and metrics. Open to everybody: they tell numbers and settings, never a payload."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from taskjob.errors import TaskJobError
from taskjob_api.routers.access import answer, api_state
from taskjob_api.routers.describe import answers
from taskjob_api.views.health import Health, Readiness

router = APIRouter(tags=["health"])

STORE_SECONDS = 2.0


@router.get("/healthz", responses=answers(Health))
async def healthz() -> Response:
    """Whether the process lives: its event loop answers."""
    return answer(Health(status="ok"))


@router.get(
    "/readyz", responses={**answers(Readiness), **answers(Readiness, "Not ready: send no calls here", status=503)}
)
async def readyz(request: Request) -> Response:
    """Whether calls may be sent here, and what is promised: durability, replication, schema, hold-off."""
    state = api_state(request)
    reason = (
        await _store_trouble(request)
        if state.lifetime.serving
        else "Stopping"
        if state.lifetime.stopping
        else "Starting"
    )
    info = state.engine.info
    readiness = Readiness(
        ready=reason is None,
        reason=reason,
        store=None if info is None else info.kind,
        durability=None if info is None else info.durability,
        replication=None if info is None else info.replication,
        schema_version=None if info is None else info.schema_version,
        incarnation=None if info is None else info.incarnation,
        hold_off_seconds=0.0 if info is None else round(state.engine.holdoff.remaining_seconds(), 1),
    )
    return answer(readiness, status=200 if reason is None else 503)


@router.get(
    "/metrics",
    responses={200: {"description": "Prometheus text", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Everything counted, as Prometheus text. The names stand in docs/reference/metrics.md."""
    return Response(await api_state(request).engine.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _store_trouble(request: Request) -> str | None:
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await api_state(request).engine.queues("default")
    except TimeoutError:
        return "StoreTimeout"
    except TaskJobError as error:
        return error.reason or error.code
    return None
