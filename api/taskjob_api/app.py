"""The composition root: which store, which artifacts, who may call, and how the parts of the api fit together.

Only this module knows the stores. It starts nothing; `server` does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from taskjob.errors import InvalidError, NotFoundError, TaskJobError
from taskjob_api.auth import Door, OpenDoor, TokenDoor
from taskjob_api.gate import FAULT_DETAIL, Gate
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.http import AsgiApp
from taskjob_api.lifetime import Lifetime
from taskjob_api.openapi import build_openapi
from taskjob_api.operator_door import OperatorDoor, Orphans
from taskjob_api.problems import MethodNotAllowedError, encode_problem, problem_headers
from taskjob_api.routers import actions, health, jobs, orphans, queues, stats, streams, workers
from taskjob_api.routers.access import ApiState
from taskjob_api.settings import ApiSettings, no_tokens_file
from taskjob_api.streams import Streams
from taskjob_api.submit_route import SubmitRoutes, is_submit_path
from taskjob_engine.artifacts.file import FileArtifactStore
from taskjob_engine.engine import Engine
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import JobStore


def build_engine(settings: ApiSettings) -> Engine:
    """The engine over the store that the settings name; not started."""
    engine_settings = EngineSettings(
        session_ttl_seconds=settings.session_ttl_seconds, create_queues=settings.create_queues
    )
    return Engine(_store(settings), FileArtifactStore(Path(settings.artifacts)), engine_settings)


def build_door(settings: ApiSettings, engine: Engine) -> Door:
    """Raises `InvalidError` where tokens are asked for and none could be shown: a door never opens by omission."""
    if settings.auth == "open":
        return OpenDoor()
    if settings.auth == "kubernetes":
        return _kubernetes_door(settings, engine)
    if settings.tokens_file is None:
        raise no_tokens_file()
    return TokenDoor(Path(settings.tokens_file), now=engine.now)


def create_app(
    settings: ApiSettings,
    engine: Engine,
    *,
    door: Door,
    lifetime: Lifetime | None = None,
    worker: AsgiApp | None = None,
    doomed: Doomed | None = None,
) -> Gate:
    """The ASGI application over an engine that somebody else starts and stops; `worker` answers `/worker/v1/…`, and
    `doomed` is shared with its gateway."""
    rest = _rest()
    lifetime, orphans = lifetime or Lifetime(), Orphans()
    rest.state.api = ApiState(
        engine=engine, lifetime=lifetime, settings=settings, door=door, streams=Streams(), orphans=orphans
    )
    rest.include_router(_description())
    rest.add_exception_handler(TaskJobError, _on_error)
    rest.add_exception_handler(RequestValidationError, _on_error)
    rest.add_exception_handler(HTTPException, _on_error)
    # Without it the framework would answer a fault in plain text; the gate logs it either way.
    rest.add_exception_handler(Exception, _on_error)
    return Gate(
        rest=rest,
        submit=SubmitRoutes(engine, settings),
        worker=worker,
        operator=OperatorDoor(engine, settings, lifetime, orphans, doomed or Doomed(time.monotonic)),
        door=door,
        settings=settings,
    )


def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 description of REST, as `/openapi.json` serves it."""
    return build_openapi(_rest())


def _rest() -> FastAPI:
    rest = FastAPI(title="TaskJob", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for module in (jobs, streams, actions, queues, workers, stats):
        rest.include_router(module.router, prefix="/v1/namespaces/{namespace}")
    rest.include_router(jobs.alias)
    rest.include_router(orphans.router)
    rest.include_router(health.router)
    return rest


def _kubernetes_door(settings: ApiSettings, engine: Engine) -> Door:
    from taskjob_api.identity.door import KubernetesDoor  # noqa: PLC0415 - a laptop needs none of it
    from taskjob_api.kubernetes.api_server import ApiServer  # noqa: PLC0415
    from taskjob_api.kubernetes.target import from_kubeconfig, in_cluster  # noqa: PLC0415

    target = in_cluster() if settings.kubeconfig is None else from_kubeconfig(Path(settings.kubeconfig))
    return KubernetesDoor(
        ApiServer(target),
        audience=settings.audience,
        operator=settings.operator_service_account,
        static=None if settings.tokens_file is None else TokenDoor(Path(settings.tokens_file), now=engine.now),
    )


def _store(settings: ApiSettings) -> JobStore:
    if settings.store.startswith("memory://"):
        from taskjob_engine.stores.memory import MemoryStore  # noqa: PLC0415 - a process loads the store it uses

        return MemoryStore()
    from taskjob_engine.stores.sqlite import SQLiteStore  # noqa: PLC0415

    return SQLiteStore(Path(settings.store.removeprefix("sqlite:///")), durability=settings.durability)


def _description() -> APIRouter:
    router = APIRouter()
    text: list[bytes] = []

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        if not text:
            text.append(msgspec.json.encode(openapi_document()))
        return Response(text[0], media_type="application/json")

    return router


async def _on_error(request: Request, error: Exception) -> Response:
    known = _as_ours(error)
    request_id = request.scope["state"]["request_id"].decode("latin-1")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in problem_headers(known)}
    if isinstance(known, MethodNotAllowedError):
        headers["allow"] = ", ".join(sorted(_allowed_methods(request)))
    return Response(encode_problem(known, request_id), status_code=known.status, headers=headers)


def _allowed_methods(request: Request) -> set[str]:
    """Of every route of the path: several may share it, one of them raw."""
    allowed = {"POST"} if is_submit_path(request.url.path) else set[str]()
    for method in ("GET", "POST", "PUT", "PATCH"):
        asked = {**request.scope, "method": method}
        if any(route.matches(asked)[0] is Match.FULL for route in request.app.routes):
            allowed.add(method)
    return allowed


def _as_ours(error: Exception) -> TaskJobError:
    if isinstance(error, TaskJobError):
        return error
    if isinstance(error, RequestValidationError):
        return _parameter_problem(error)
    if not isinstance(error, HTTPException):
        return TaskJobError(FAULT_DETAIL)
    if error.status_code == 405:
        return MethodNotAllowedError("this path does not take that method")
    return NotFoundError("no such path", hint="GET /openapi.json describes them all")


def _parameter_problem(error: RequestValidationError) -> InvalidError:
    first = error.errors()[0]
    name = str(first["loc"][-1])
    known = "unknown parameter" if first["type"] == "extra_forbidden" else first["msg"]
    return InvalidError(f"{name}: {known}", field=name, hint="GET /openapi.json describes the parameters")
