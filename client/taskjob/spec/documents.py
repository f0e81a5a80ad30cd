"""Reading parsed JSON or YAML into documents: the one place where raw values become trusted ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from taskjob.errors import InvalidError
from taskjob.spec.explain_invalid import InvalidDocumentError, explain_invalid
from taskjob.spec.keys import refuse_reserved_key
from taskjob.spec.later import refuse_later_fields
from taskjob.spec.limits import MAX_PAYLOAD_BYTES, MAX_STORED_PAYLOAD_BYTES, check_payload
from taskjob.spec.metadata import API_VERSION
from taskjob.spec.strict import StrictModel
from taskjob.spec.taskjob import JobDocument, JobFields, TaskJob, TaskJobSpec
from taskjob.spec.taskqueue import QueueDocument, TaskQueue, TaskQueueSpec
from taskjob.spec.taskschedule import TaskSchedule

Document = TaskJob | TaskQueue | TaskSchedule
KINDS: dict[str, type[TaskJob | TaskQueue | TaskSchedule]] = {
    "TaskJob": TaskJob,
    "TaskQueue": TaskQueue,
    "TaskSchedule": TaskSchedule,
}

Model = TypeVar("Model", bound=StrictModel)


def read_document(raw: Any) -> Document:
    """A Kubernetes object as the document it names. Raises `InvalidDocumentError`.

    Fields of later features are read; a door that cannot honour them calls `refuse_later_fields` first.
    """
    if not isinstance(raw, Mapping):
        raise InvalidError("expected an object with apiVersion, kind, metadata and spec")
    kind = raw.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise InvalidError(
            f"kind: expected one of {', '.join(KINDS)}, got {kind!r}" if kind is not None else "kind is required",
            field="/kind",
            hint=f"apiVersion: {API_VERSION} knows {', '.join(KINDS)}",
        )
    document = read_model(model, raw)
    if isinstance(document, TaskJob):
        check_fields(document.spec, "/spec")
    return document


def read_job_document(raw: Any, field: str = "") -> JobDocument:
    """A REST job body, whose task is then known. `field` points at it in what the caller sent (a batch)."""
    document = read_model(JobDocument, _without_envelope(raw, field), field)
    check_fields(document, field)
    if document.task is None:
        return document.model_copy(update={"task": _task_of_payload(document, field)})
    return document


def read_queue_document(raw: Any) -> QueueDocument:
    return read_model(QueueDocument, raw)


def read_model(model: type[Model], raw: Any, field: str = "") -> Model:
    """Validate strictly. Raises `InvalidDocumentError` with a pointer, an expectation and a mend for each problem."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise explain_invalid(error, model, field) from None


def read_stored_job(spec: Any) -> TaskJobSpec:
    """The spec of a TaskJob as a cluster stores it. Raises `NotYetSupportedError`, `TooLargeError` above 16 KiB of
    payload, or `InvalidDocumentError`: the reasons for which such a job is Rejected."""
    refuse_later_fields("TaskJob", spec, in_cluster=True)
    fields = read_model(TaskJobSpec, spec, "/spec")
    check_fields(fields, "/spec", payload_limit=MAX_STORED_PAYLOAD_BYTES)
    return fields


def read_stored_queue(spec: Any) -> TaskQueueSpec:
    """The spec of a TaskQueue as a cluster stores it, its pool of workers included. Raises as `read_stored_job`."""
    refuse_later_fields("TaskQueue", spec, in_cluster=True)
    return read_model(TaskQueueSpec, spec, "/spec")


def check_fields(fields: JobFields, field: str, *, payload_limit: int = MAX_PAYLOAD_BYTES) -> None:
    refuse_reserved_key(fields.idempotency_key, field + "/idempotencyKey")
    if fields.payload is not None:
        check_payload(fields.payload, field + "/payload", limit=payload_limit)


def _without_envelope(raw: Any, field: str) -> Any:
    if isinstance(raw, Mapping):
        if "apiVersion" in raw or "spec" in raw:
            raise InvalidError(
                "this is a Kubernetes object; REST takes the fields of its spec at the top level",
                field=field + ("/spec" if "spec" in raw else "/apiVersion"),
                hint="send {task, payload, …}, or use `taskjob apply -f`",
            )
        for name, path in (("cancel", "cancel"), ("rerun", "rerun")):
            if name in raw:
                raise InvalidError(
                    f"{name} is not part of a submit", field=f"{field}/{name}", hint=f"POST jobs/{{id}}/{path}"
                )
    return raw


def _task_of_payload(document: JobDocument, field: str) -> str:
    task = (document.payload or {}).get("type")
    if task is None:
        raise InvalidDocumentError(
            (InvalidError("task is required", field=f"{field}/task", hint="or name it in payload.type"),)
        )
    try:
        return JobDocument.model_validate({"task": task}).task or ""
    except ValidationError as error:
        found = explain_invalid(error, JobDocument).errors[0]
        raise InvalidDocumentError(
            (InvalidError(found.detail, field=f"{field}/payload/type", hint="set task to the name of the task"),)
        ) from None
