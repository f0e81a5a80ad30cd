"""One OpenAPI 3.1 document for all of REST: FastAPI's routes, the raw submit routes, and every record they speak.

Schemas come from the very types that read and write: pydantic for documents, msgspec for answers.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from taskjob.spec import MAX_BATCH_ITEMS, JobDocument, QueueDocument
from taskjob_api.gate import PUBLIC_PATHS
from taskjob_api.problems import Problem
from taskjob_api.routers.actions import ActionDocument, ContinueDocument
from taskjob_api.routers.describe import JSON, reference
from taskjob_api.routers.jobs import AmendDocument, RerunDocument
from taskjob_api.routers.orphans import ConfirmDocument
from taskjob_api.routers.queues import PauseDocument
from taskjob_api.views.actions import ActionResult
from taskjob_api.views.artifacts import ArtifactList
from taskjob_api.views.health import Health, Readiness
from taskjob_api.views.history import AttemptList, LogView
from taskjob_api.views.jobs import JobPage, JobView
from taskjob_api.views.orphans import OrphanList, OrphanReportView
from taskjob_api.views.queues import QueueList, QueueView
from taskjob_api.views.stats import StatsView
from taskjob_api.views.submissions import BatchResult, SubmittedJob
from taskjob_api.views.workers import WorkerList
from taskjob_engine.policies.explain import Answer

PROBLEM = "application/problem+json"
_REF = "#/components/schemas/{model}"

_DOCUMENTS: tuple[type[BaseModel], ...] = (
    JobDocument,
    QueueDocument,
    PauseDocument,
    AmendDocument,
    RerunDocument,
    ActionDocument,
    ContinueDocument,
    ConfirmDocument,
)
_VIEWS: tuple[type[msgspec.Struct], ...] = (
    JobView,
    JobPage,
    SubmittedJob,
    BatchResult,
    ArtifactList,
    AttemptList,
    LogView,
    QueueView,
    QueueList,
    WorkerList,
    StatsView,
    ActionResult,
    OrphanList,
    OrphanReportView,
    Readiness,
    Health,
    Answer,
    Problem,
)

_ALWAYS = {408: "The request came too slowly", 500: "A fault of the server", 503: "Not applied; try again"}
_WITH_CALLER = {401: "No valid token", 403: "The token or origin does not allow this", 404: "Missing, or not yours"}
_WITH_INPUT = {422: "The request is not valid"}
_WITH_BODY = {413: "Over a size limit", 415: "Send application/json", 504: "Applied or not is unknown"}
_WITH_STATE = {409: "The current state forbids this"}
_SHED = {429: "Shed, or over a quota; see Retry-After"}


def build_openapi(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="TaskJob",
        version="v1",
        summary="Background jobs: submit, watch, cancel, rerun.",
        description="Errors are RFC 9457 problem documents with a stable `code`. `/jobs` is an alias of "
        "`/v1/namespaces/{namespace}/jobs` in the token's default namespace.",
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= _components()
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            _summarize(operation)
    _add_submit(document["paths"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe_errors(path, method, operation)
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "taskjob_<id>_<secret>"}
    }
    return document


def _summarize(operation: dict[str, Any]) -> None:
    """The first sentence of the route's docstring, rather than the name of its function. Every route has one."""
    told = " ".join(operation["description"].split())
    operation["summary"] = told.partition(". ")[0].removesuffix(".")


def _components() -> dict[str, Any]:
    _, documents = models_json_schema([(model, "validation") for model in _DOCUMENTS], ref_template=_REF)
    _, records = msgspec.json.schema_components(_VIEWS, ref_template="#/components/schemas/{name}")
    found: dict[str, Any] = {**documents["$defs"], **records}
    job = found["JobDocument"]
    task = job["properties"]["task"]["anyOf"][0]
    job["properties"]["payload"] = _payload_schema()
    job["anyOf"] = [
        {"required": ["task"], "properties": {"task": task}},
        {
            "required": ["payload"],
            "properties": {"payload": {"required": ["type"], "properties": {"type": task}, "type": "object"}},
            "not": {"required": ["task"]},
        },
    ]
    return found


def _payload_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "maxProperties": 256,
        "description": "Any JSON object: the task's arguments. Up to 64 KiB and 32 levels, integers within ±2^53.",
    }


def _add_submit(paths: dict[str, Any]) -> None:
    namespace = {
        "name": "namespace",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
    }
    scoped = "/v1/namespaces/{namespace}/jobs"
    paths[scoped]["post"] = _submit_operation("submit_job", [namespace])
    paths["/jobs"]["post"] = _submit_operation("submit_job_in_default_namespace", [])
    paths[f"{scoped}/batch"] = {"post": _batch_operation("submit_batch", [namespace])}


def _submit_operation(name: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "As idempotencyKey in the document.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    }
    return {
        "tags": ["jobs"],
        "summary": "Submit a job",
        "description": "201 is sent after the job is durable; 200 names the job that the same key and document made.",
        "operationId": name,
        "parameters": [*parameters, key],
        "requestBody": _body(reference(JobDocument)),
        "responses": {
            "201": {**_answer(SubmittedJob, "Accepted and durable"), "headers": _LOCATION},
            "200": {**_answer(SubmittedJob, "Came before with the same key"), "headers": _LOCATION},
        },
    }


def _batch_operation(name: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    items = {"type": "array", "maxItems": MAX_BATCH_ITEMS, "items": {"anyOf": [reference(JobDocument), {}]}}
    schema = {"type": "object", "properties": {"items": items}, "required": ["items"], "additionalProperties": False}
    return {
        "tags": ["jobs"],
        "summary": "Submit up to 1,000 jobs",
        "description": "Items are job documents. A verdict for each, in order; one bad item spoils no other.",
        "operationId": name,
        "parameters": parameters,
        "requestBody": _body(schema),
        "responses": {"200": _answer(BatchResult, "One verdict per item")},
    }


_LOCATION = {"Location": {"description": "Path of the job", "schema": {"type": "string"}}}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _answer(view: type, description: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": reference(view)}}}


def _describe_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    problems = dict(_ALWAYS)
    if path not in PUBLIC_PATHS:
        problems |= _WITH_CALLER | _WITH_INPUT
        operation["security"] = [{"token": []}]
    if method in {"post", "put", "patch"}:
        problems |= _WITH_BODY | _WITH_STATE | _SHED
    if path.endswith("/result"):
        problems |= _WITH_STATE
    if path.endswith(("/events", "/logs")):
        problems |= _SHED
    if path in PUBLIC_PATHS:
        problems |= {403: _WITH_CALLER[403]}
    operation["responses"].pop("422", None)
    for status, description in problems.items():
        content = {PROBLEM: {"schema": reference(Problem)}}
        operation["responses"].setdefault(str(status), {"description": description, "content": content})
