"""Live views: a job's changes and its log, as server-sent events that a client may resume.

Each event carries an id; reconnecting with Last-Event-ID goes on after it. A finished stream ends with the event
`end`, and a client that comes back after it gets 204, which tells an EventSource to stay away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from taskjob.errors import NotFoundError
from taskjob.model import Job
from taskjob.spec.strict import StrictModel
from taskjob_api.auth import authenticate
from taskjob_api.lifetime import Lifetime
from taskjob_api.rights import Right
from taskjob_api.routers.access import (
    JobId,
    MayGetJob,
    NoParameters,
    TheEngine,
    answer,
    api_state,
    caller_of,
    unknown_job,
)
from taskjob_api.routers.describe import reference
from taskjob_api.streams import EVENT_STREAM, EventStream
from taskjob_api.views.history import LogView, log_view
from taskjob_api.views.jobs import JobView, job_view
from taskjob_engine.engine import Engine
from taskjob_engine.store import JobRef

router = APIRouter(tags=["jobs"])

PING_SECONDS = 5.0
"""Of silence. A token is checked again at each event and each ping."""
LOG_POLL_SECONDS = 5.0
"""For what no hint tells: what another process kept."""
LOG_PAUSE_SECONDS = 0.2
"""Between two looks: chunks that come fast may come as one."""

_encode = msgspec.json.Encoder().encode


def _event(name: str) -> dict[str, Any]:
    """One event of a stream; `data` is a JobView or LogView as JSON text, `{}` in the last one."""
    properties = {"event": {"enum": [name, "end"]}, "id": {"type": "string"}, "data": {"type": "string"}}
    return {"schema": {"type": "object", "properties": properties, "required": ["event", "data"]}}


_NO_MORE: dict[int | str, dict[str, Any]] = {204: {"description": "The stream ended before; nothing will follow"}}


class LogQuery(StrictModel):
    run: Annotated[int, Field(ge=0, le=2**31 - 1, strict=False)] | None = None
    delivery: Annotated[int, Field(ge=1, le=2**31 - 1, strict=False)] | None = None
    """Its number within the run, as GET attempts tells it; the last one unless named."""

    after: Annotated[int, Field(ge=0, le=2**31 - 1, strict=False)] = 0
    """Where to go on: `next` of the piece before."""

    follow: Annotated[bool, Field(strict=False)] = False
    """Stream what comes as server-sent events, until the delivery has ended."""


@router.get(
    "/jobs/{job_id}/events",
    responses={
        200: {"description": "Snapshots as they change", "content": {EVENT_STREAM: _event("job")}},
        **_NO_MORE,
    },
)
async def stream_job(
    request: Request, engine: TheEngine, namespace: MayGetJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """The job now and after each change, until it is finished. Changes that follow fast may come as one."""
    ref = JobRef(namespace=namespace, id=job_id)
    job = await engine.get(ref)
    if job is None:
        raise unknown_job(ref)
    seen = request.headers.get("last-event-id")
    if job.phase.is_terminal and seen == _job_event_id(job):
        return Response(status_code=204)
    return _stream(request, namespace, _job_events(engine, api_state(request).lifetime, ref, seen))


@router.get(
    "/jobs/{job_id}/logs",
    responses={
        200: {
            "description": "A piece of the log; with follow, pieces as they come",
            "content": {
                "application/json": {"schema": reference(LogView)},
                EVENT_STREAM: _event("log"),
            },
        },
        **_NO_MORE,
    },
)
async def read_log(
    request: Request, engine: TheEngine, namespace: MayGetJob, job_id: JobId, query: Annotated[LogQuery, Query()]
) -> Response:
    """What one delivery wrote, the last unless named."""
    ref = JobRef(namespace=namespace, id=job_id)
    resumed = request.headers.get("last-event-id", "")
    after = int(resumed) if query.follow and resumed.isdecimal() and len(resumed) < 10 else query.after
    page = await engine.logs(ref, run=query.run, delivery=query.delivery, after=after)
    if page is None:
        raise NotFoundError("no such job or delivery", hint="GET jobs/{id}/attempts lists them")
    if not query.follow:
        return answer(log_view(page))
    if page.complete and not page.text and resumed:
        return Response(status_code=204)
    return _stream(request, namespace, _log_events(engine, api_state(request).lifetime, ref, query, after))


def _stream(request: Request, namespace: str, events: AsyncGenerator[bytes, None]) -> EventStream:
    state = api_state(request)

    async def may_go_on() -> None:
        caller = await authenticate(state.door, request.scope)
        await caller.require(Right.GET_JOB, namespace)

    return EventStream(events, may_go_on=may_go_on, streams=state.streams, caller=caller_of(request).name)


async def _job_events(engine: Engine, lifetime: Lifetime, ref: JobRef, seen: str | None) -> AsyncGenerator[bytes, None]:
    async with engine.events(ref.namespace, job=ref.id) as hints:
        while not lifetime.stopping:
            job = await engine.get(ref)
            if job is None:
                return
            if (event_id := _job_event_id(job)) != seen:
                seen = event_id
                yield _frame("job", event_id, job_view(job))
            if job.phase.is_terminal:
                yield b"event: end\ndata: {}\n\n"
                return
            try:
                async with asyncio.timeout(PING_SECONDS):
                    hint = await lifetime.unless_stopping(_next(hints))
            except TimeoutError:
                yield b": ping\n\n"
                continue
            if hint is None:
                return


async def _next(hints: AsyncIterator[Any]) -> Any:
    return await anext(hints, None)


async def _log_events(
    engine: Engine, lifetime: Lifetime, ref: JobRef, query: LogQuery, after: int
) -> AsyncGenerator[bytes, None]:
    run, delivery = query.run, query.delivery
    with engine.following(ref) as follower:
        while not lifetime.stopping:
            generation = follower.generation
            page = await engine.logs(ref, run=run, delivery=delivery, after=after)
            if page is None:
                return
            if page.delivery:
                run, delivery = page.run, page.delivery
            if page.text:
                after = page.next
                yield _frame("log", str(after), log_view(page))
            if page.complete or (not page.delivery and await _never_ran(engine, ref)):
                yield b"event: end\ndata: {}\n\n"
                return
            if page.text:
                continue
            await lifetime.unless_stopping(asyncio.sleep(LOG_PAUSE_SECONDS))
            hinted = await lifetime.unless_stopping(follower.beyond(generation, seconds=LOG_POLL_SECONDS))
            if hinted is False:
                yield b": ping\n\n"


async def _never_ran(engine: Engine, ref: JobRef) -> bool:
    """A job that ended without a delivery will not write anything."""
    job = await engine.get(ref)
    return job is None or job.phase.is_terminal


def _job_event_id(job: Job) -> str:
    return f"{job.run}.{job.revision}"


def _frame(name: str, event_id: str, view: JobView | LogView) -> bytes:
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), event_id.encode(), _encode(view))
