"""Every call of the REST API as a value: what is sent, and how its answer is read. Pure; no sender knows a path.

Paths are relative to `/v1/namespaces/<namespace>/` unless they begin with a slash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import msgspec

from taskjob.client.problems import read_problem
from taskjob.client.target import Target
from taskjob.client.views import (
    ArtifactView,
    AttemptView,
    BatchVerdict,
    BulkResult,
    JobView,
    OrphanReport,
    QueueView,
    SubmittedJob,
    V,
    WorkerView,
    view,
)
from taskjob.errors import TaskJobError
from taskjob.model import Phase

T = TypeVar("T")

REPLY_SECONDS = 30.0
"""How long an answer may take, beside what the server was asked to wait."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """Sending one twice has the effect of sending it once: by its nature, or by a key that it carries."""

    method: str
    path: str
    read: Callable[[Any], T]
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Any = None
    wait_seconds: float = 0.0


@dataclass(frozen=True)
class Page(Generic[T]):
    items: list[T]
    cursor: str | None


@dataclass(frozen=True)
class LogPiece:
    """Text of one delivery's log; `following` is where to go on, `finished` that nothing will be added."""

    text: str
    following: int
    finished: bool
    run: int
    delivery: int


@dataclass(frozen=True, kw_only=True)
class JobQuery:
    """All that is given must hold. Labels are matched exactly."""

    queue: str | None = None
    task: str | None = None
    phases: tuple[Phase, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

    def params(self) -> dict[str, str]:
        told = {
            "queue": self.queue,
            "task": self.task,
            "phase": ",".join(self.phases) or None,
            "label": ",".join(f"{key}={value}" for key, value in self.labels.items()) or None,
            "name": self.name,
            "created_after": _time(self.created_after),
            "created_before": _time(self.created_before),
        }
        return {key: value for key, value in told.items() if value is not None}


def url_of(target: Target, call: Call[Any]) -> str:
    if call.path.startswith("/"):
        return target.server + call.path
    return f"{target.server}/v1/namespaces/{quote(target.namespace, safe='')}/{call.path}"


def headers_of(target: Target) -> dict[str, str]:
    headers = {"Accept": "application/json, application/problem+json", "Content-Type": "application/json"}
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    return headers


def body_of(call: Call[Any]) -> bytes | None:
    """Raises `TypeError` or `ValueError` for what JSON cannot hold."""
    return None if call.body is None else msgspec.json.encode(call.body)


def read_answer(call: Call[T], status: int, headers: Mapping[str, str], body: bytes) -> T:
    """The value of a success; raises the error that the server told."""
    if status >= 400:
        raise read_problem(status, headers, body)
    try:
        document = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TaskJobError(
            f"the answer of HTTP {status} is not JSON", hint="is this address a TaskJob server?"
        ) from error
    return call.read(document)


# ---------------------------------------------------------------------------------------------------- jobs


def submit(document: Mapping[str, Any]) -> Call[SubmittedJob]:
    return Call(method="POST", path="jobs", body=document, read=_reader(SubmittedJob))


def submit_batch(documents: list[dict[str, Any]]) -> Call[list[BatchVerdict]]:
    return Call(method="POST", path="jobs/batch", body={"items": documents}, read=_items_of(BatchVerdict))


def get(job: str, *, wait_seconds: float = 0.0) -> Call[JobView]:
    """With `wait_seconds`: answered as soon as the job is finished, or then as it is."""
    params = {"wait": int(wait_seconds)} if wait_seconds >= 1 else {}
    return Call(method="GET", path=_job_path(job), params=params, wait_seconds=wait_seconds, read=_reader(JobView))


def jobs(where: JobQuery, *, limit: int, cursor: str | None = None) -> Call[Page[JobView]]:
    params: dict[str, str | int] = {**where.params(), "limit": limit}
    if cursor is not None:
        params["cursor"] = cursor
    return Call(method="GET", path="jobs", params=params, read=_page)


def cancel(job: str) -> Call[JobView]:
    return Call(method="POST", path=_job_path(job, "cancel"), read=_reader(JobView))


def rerun(job: str, *, request_id: str | None = None) -> Call[JobView]:
    """`request_id` makes a repeat start no second run; each call draws its own."""
    return Call(
        method="POST",
        path=_job_path(job, "rerun"),
        body={"requestId": request_id or uuid4().hex},
        read=_reader(JobView),
    )


def amend(job: str, changes: Mapping[str, Any]) -> Call[JobView]:
    return Call(method="PATCH", path=_job_path(job), body=changes, read=_reader(JobView))


def amendment(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an amend from fields in snake_case. Raises `TypeError` for one that cannot be changed."""
    for name in changes:
        if name not in _MUTABLE:
            raise TypeError(f"{name!r} cannot be changed; these can: {', '.join(_MUTABLE)}")
    return {_MUTABLE[name]: value for name, value in changes.items()}


_MUTABLE = {
    "priority": "priority",
    "suspend": "suspend",
    "ttl_seconds_after_finished": "ttlSecondsAfterFinished",
    "ttl_seconds_after_failed": "ttlSecondsAfterFailed",
}


def attempts(job: str) -> Call[list[AttemptView]]:
    return Call(method="GET", path=_job_path(job, "attempts"), read=_items_of(AttemptView))


def artifacts(job: str) -> Call[list[ArtifactView]]:
    return Call(method="GET", path=_job_path(job, "artifacts"), read=_items_of(ArtifactView))


def result(job: str) -> Call[Any]:
    return Call(method="GET", path=_job_path(job, "result"), read=_as_is)


def logs(job: str, *, run: int | None, delivery: int | None, after: int) -> Call[LogPiece]:
    told = {"run": run, "delivery": delivery, "after": after}
    params = {key: value for key, value in told.items() if value is not None}
    return Call(method="GET", path=_job_path(job, "logs"), params=params, read=_log_piece)


def explain(job: str) -> Call[dict[str, Any]]:
    return Call(method="GET", path=_job_path(job, "explain"), read=_as_is)


def preview_bulk(action: str, where: JobQuery) -> Call[BulkResult]:
    body = {"action": action, "filter": where.params(), "preview": True}
    return Call(method="POST", path="jobs/actions", body=body, read=_reader(BulkResult))


def run_bulk(token: str) -> Call[BulkResult]:
    return Call(method="POST", path="jobs/actions", body={"token": token}, read=_reader(BulkResult), wait_seconds=30.0)


# -------------------------------------------------------------------------------------------------- queues


def queues() -> Call[list[QueueView]]:
    return Call(method="GET", path="queues", read=_items_of(QueueView))


def queue(name: str) -> Call[QueueView]:
    return Call(method="GET", path=_queue_path(name), read=_reader(QueueView))


def put_queue(name: str, document: Mapping[str, Any]) -> Call[QueueView]:
    return Call(method="PUT", path=_queue_path(name), body=document, read=_reader(QueueView))


def pause(name: str, *, reason: str | None, until: datetime | None) -> Call[QueueView]:
    told = {"reason": reason, "until": _time(until)}
    body = {key: value for key, value in told.items() if value is not None}
    return Call(method="POST", path=_queue_path(name, "pause"), body=body, read=_reader(QueueView))


def resume(name: str) -> Call[QueueView]:
    return Call(method="POST", path=_queue_path(name, "resume"), read=_reader(QueueView))


# ------------------------------------------------------------------------------------------------- orphans


def orphans() -> Call[list[OrphanReport]]:
    return Call(method="GET", path="/v1/orphans", read=_items_of(OrphanReport))


def confirm_orphans(cluster_id: str, total: int) -> Call[OrphanReport]:
    body = {"clusterId": cluster_id, "total": total}
    return Call(method="POST", path="/v1/orphans/confirm", body=body, read=_reader(OrphanReport))


# ---------------------------------------------------------------------------------------- workers and server


def workers() -> Call[list[WorkerView]]:
    return Call(method="GET", path="workers", read=_items_of(WorkerView))


def stats() -> Call[dict[str, Any]]:
    return Call(method="GET", path="stats", read=_as_is)


def ready() -> Call[dict[str, Any]]:
    return Call(method="GET", path="/readyz", read=_as_is)


# -------------------------------------------------------------------------------------------------- reading


def _as_is(document: Any) -> Any:
    return document


def _reader(kind: type[V]) -> Callable[[Any], V]:
    return lambda document: view(kind, document)


def _items_of(kind: type[V]) -> Callable[[Any], list[V]]:
    def read(document: Any) -> list[V]:
        return [view(kind, item) for item in _items(document)]

    return read


def _page(document: Any) -> Page[JobView]:
    return Page([view(JobView, item) for item in _items(document)], document.get("nextCursor"))


def _log_piece(document: Any) -> LogPiece:
    return LogPiece(
        text=document["text"],
        following=document["next"],
        finished=document["finished"],
        run=document["run"],
        delivery=document["delivery"],
    )


def _items(document: Any) -> Iterable[Any]:
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise TaskJobError("the server's answer is not a list", hint="is this a TaskJob server of about this version?")
    return items


def _job_path(job: str, verb: str = "") -> str:
    return f"jobs/{quote(job, safe='')}" + (f"/{verb}" if verb else "")


def _queue_path(name: str, verb: str = "") -> str:
    return f"queues/{quote(name, safe='')}" + (f"/{verb}" if verb else "")


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone: datetime.now(UTC)")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
