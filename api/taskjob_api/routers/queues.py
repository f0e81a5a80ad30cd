"""Queues: their limits and defaults as documents, and a person's pause beside the declared one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from taskjob.errors import InvalidError, NotFoundError
from taskjob.model import Queue, parse_time
from taskjob.spec import QueueDocument, read_queue_document, refuse_later_fields
from taskjob.spec.strict import StrictModel, Time
from taskjob_api.queue_documents import declaration
from taskjob_api.routers.access import (
    MayGetQueue,
    MayListQueues,
    MayPauseQueue,
    MayPutQueue,
    NoParameters,
    TheEngine,
    answer,
    body_of,
    caller_of,
    json_of,
    refuse_body,
)
from taskjob_api.routers.describe import answers, takes
from taskjob_api.views.queues import QueueList, QueueView, queue_view
from taskjob_engine.engine import Engine
from taskjob_engine.store import QueueChange

router = APIRouter(tags=["queues"])

QUEUE_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
QueueNameInPath = Annotated[str, Path(max_length=40, pattern=QUEUE_PATTERN)]
Nothing = Annotated[NoParameters, Query()]


class PauseDocument(StrictModel):
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    until: Time | None = None
    """The pause ends by itself at this moment."""


@router.get("/queues", responses=answers(QueueList))
async def list_queues(engine: TheEngine, namespace: MayListQueues, _: Nothing) -> Response:
    """The namespace's queues, each with its limits, its defaults and what pauses it."""
    return answer(QueueList(items=[queue_view(queue) for queue in await engine.queues(namespace)]))


@router.get("/queues/{queue}", responses=answers(QueueView))
async def get_queue(engine: TheEngine, namespace: MayGetQueue, queue: QueueNameInPath, _: Nothing) -> Response:
    """One queue: its limits, its defaults and what pauses it."""
    return answer(queue_view(await _found(engine, namespace, queue)))


@router.put("/queues/{queue}", responses=answers(QueueView), openapi_extra=takes(QueueDocument))
async def put_queue(
    request: Request, engine: TheEngine, namespace: MayPutQueue, queue: QueueNameInPath, _: Nothing
) -> Response:
    """Create a queue or replace its document: what is left out goes back to its default. A person's pause stays.
    409 (ManagedByKubernetes) where a TaskQueue declares it."""
    raw = await json_of(request)
    refuse_later_fields("TaskQueue", raw, "")
    document = read_queue_document(raw)
    change = declaration(document, namespace=namespace, name=queue)
    return answer(queue_view(await engine.put_queue(change)))


@router.post("/queues/{queue}/pause", responses=answers(QueueView), openapi_extra=takes(PauseDocument, required=False))
async def pause_queue(
    request: Request, engine: TheEngine, namespace: MayPauseQueue, queue: QueueNameInPath, _: Nothing
) -> Response:
    """Start no more jobs of the queue until it is resumed; what runs goes on, submits are accepted."""
    document = await body_of(request, PauseDocument, optional=True)
    until = None if document.until is None else parse_time(document.until.upper())
    if until is not None and until <= engine.now():
        raise InvalidError("until lies in the past", field="/until", hint="name a later moment, or leave it out")
    await _found(engine, namespace, queue)
    change = QueueChange(
        namespace=namespace,
        name=queue,
        pause=True,
        actor=caller_of(request).name,
        pause_reason=document.reason,
        pause_until=until,
    )
    return answer(queue_view(await engine.put_queue(change)))


@router.post("/queues/{queue}/resume", responses=answers(QueueView))
async def resume_queue(
    request: Request, engine: TheEngine, namespace: MayPauseQueue, queue: QueueNameInPath, _: Nothing
) -> Response:
    """End a person's pause. A pause declared in the queue's document stays."""
    await refuse_body(request)
    await _found(engine, namespace, queue)
    change = QueueChange(namespace=namespace, name=queue, pause=False, actor=caller_of(request).name)
    return answer(queue_view(await engine.put_queue(change)))


async def _found(engine: Engine, namespace: str, name: str) -> Queue:
    for queue in await engine.queues(namespace):
        if queue.name == name:
            return queue
    raise NotFoundError(f"no queue {name!r} in namespace {namespace!r}", hint="PUT queues/{name} creates it")
