"""What every route asks of its request: the engine, the caller's namespace, a strict query and a strict body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar, cast

import msgspec
from fastapi import Depends, Path, Request, Response
from pydantic import BaseModel

from taskjob.errors import InvalidError, NotFoundError
from taskjob.model import is_identifier
from taskjob.spec import read_model
from taskjob.spec.strict import StrictModel
from taskjob_api.auth import Caller, Door
from taskjob_api.http import MAX_BODY_BYTES, read_body, require_json
from taskjob_api.job_documents import decode_json
from taskjob_api.lifetime import Lifetime
from taskjob_api.operator_door.orphans import Orphans
from taskjob_api.rights import Right
from taskjob_api.settings import ApiSettings
from taskjob_api.streams import Streams
from taskjob_engine.engine import Engine
from taskjob_engine.store import JobRef

Model = TypeVar("Model", bound=StrictModel)

_encode = msgspec.json.Encoder().encode


class ApiState(msgspec.Struct, frozen=True):
    """What the composition root hands to the routes, as `app.state.api`."""

    engine: Engine
    lifetime: Lifetime
    settings: ApiSettings
    door: Door
    streams: Streams
    orphans: Orphans


def api_state(request: Request) -> ApiState:
    return cast("ApiState", request.app.state.api)


def _engine(request: Request) -> Engine:
    return api_state(request).engine


def caller_of(request: Request) -> Caller:
    return cast("Caller", request.scope["state"]["caller"])


def _namespace_for(right: Right) -> Callable[[Request], Awaitable[str]]:
    async def namespace(request: Request) -> str:
        caller = caller_of(request)
        chosen = request.path_params.get("namespace", caller.namespace)
        await caller.require(right, chosen)
        _refuse_repeated_parameters(request)
        return cast("str", chosen)

    return namespace


def _job_id(
    job_id: Annotated[
        str,
        Path(
            description="The job's id; a name is looked up with GET jobs?name=",
            json_schema_extra={"pattern": "^[0-9a-f]{32}$"},
        ),
    ],
) -> str:
    if not is_identifier(job_id):
        raise NotFoundError(f"{job_id!r} is no job id", hint="ids have 32 hex digits; look a name up: GET jobs?name=…")
    return job_id


TheEngine = Annotated[Engine, Depends(_engine)]
MayGetJob = Annotated[str, Depends(_namespace_for(Right.GET_JOB))]
MayListJobs = Annotated[str, Depends(_namespace_for(Right.LIST_JOBS))]
MayChangeJob = Annotated[str, Depends(_namespace_for(Right.CHANGE_JOB))]
MayChangeManyJobs = Annotated[str, Depends(_namespace_for(Right.CHANGE_MANY_JOBS))]
MayGetQueue = Annotated[str, Depends(_namespace_for(Right.GET_QUEUE))]
MayListQueues = Annotated[str, Depends(_namespace_for(Right.LIST_QUEUES))]
MayPauseQueue = Annotated[str, Depends(_namespace_for(Right.PAUSE_QUEUE))]
MayPutQueue = Annotated[str, Depends(_namespace_for(Right.PUT_QUEUE))]
JobId = Annotated[str, Depends(_job_id)]


class NoParameters(BaseModel, extra="forbid"):
    """The query of a route that takes none."""


def unknown_job(ref: JobRef) -> NotFoundError:
    return NotFoundError(f"no job {ref.id} in namespace {ref.namespace!r}", hint="it may have been pruned")


def answer(view: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(view), status_code=status, media_type="application/json", headers=headers)


async def body_of(request: Request, model: type[Model], *, optional: bool = False) -> Model:
    """The body as a strict document; without one, where that is allowed, the empty document."""
    return read_model(model, await json_of(request, optional=optional))


async def json_of(request: Request, *, optional: bool = False) -> Any:
    """The JSON of the body; `{}` for an empty body, where that is allowed."""
    body = await _body(request)
    if not body and optional:
        return {}
    require_json(request.scope)
    return decode_json(body)


async def refuse_body(request: Request) -> None:
    """For a route that takes none; an empty object is let pass, for clients that always send one."""
    body = await _body(request)
    if body and decode_json(body) != {}:
        raise InvalidError("this call takes no body", hint="leave it out")


async def _body(request: Request) -> bytes:
    seconds = api_state(request).settings.request_seconds
    return await read_body(request.scope, request.receive, limit=MAX_BODY_BYTES, seconds=seconds)


def _refuse_repeated_parameters(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if names.count(name) > 1:
            raise InvalidError(f"the parameter {name} is given twice", field=name, hint="separate values by commas")
