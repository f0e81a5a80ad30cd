"""What the server tells of a job, a queue, a worker, an attempt: read-only, times as aware `datetime`s.

Each view keeps the JSON it was read from as `document`, in REST's own shape. Fields that a newer server adds are
ignored here and stay visible there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec

from taskjob.client.problems import error_class
from taskjob.errors import TaskJobError
from taskjob.model import AttemptOutcome, ErrorInfo, Phase


class View(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    document: dict[str, Any] = {}


class SubmittedJob(View, kw_only=True, rename="camel", frozen=True):
    """An accepted job, durable. `outcome` is `created`, or `existing` where the same key and document came before."""

    id: str
    namespace: str = "default"
    queue: str = "default"
    task: str = ""
    name: str | None = None
    outcome: str = "created"


class BatchVerdict(View, kw_only=True, rename="camel", frozen=True):
    """What became of one document of a batch: `created`, `existing`, `conflict` (with the id of the first job of
    that key) or `rejected` (with code, detail and field)."""

    outcome: str
    id: str | None = None
    code: str | None = None
    detail: str | None = None
    field: str | None = None
    hint: str | None = None

    def error(self) -> TaskJobError | None:
        """What `submit` would have raised for this document; None for an accepted one."""
        if self.outcome in {"created", "existing"}:
            return None
        code = self.code or ("IdempotencyConflict" if self.outcome == "conflict" else None)
        return error_class(code, 422)(self.detail or self.outcome, field=self.field, hint=self.hint)


class BulkResult(View, kw_only=True, rename="camel", frozen=True):
    """`matched` jobs were found (`at_least` says that counting stopped there), `changed` of them did what was
    asked, `skipped` could not any more. `token` goes on exactly from there; None: all is done."""

    matched: int | None = None
    at_least: bool = False
    changed: int = 0
    skipped: int = 0
    token: str | None = None


class JobView(View, kw_only=True, rename="camel", frozen=True):
    """One job. `payload` and `result` are decoded JSON; `result_ref` stands instead of a large result, which
    `Client.result` fetches."""

    id: str
    namespace: str = "default"
    queue: str = "default"
    task: str = ""
    name: str | None = None
    labels: dict[str, str] = {}
    payload: Any = None
    priority: int = 0
    idempotency_key: str | None = None
    concurrency_key: str | None = None
    suspend: bool = False
    retry: dict[str, Any] = {}

    phase: Phase = Phase.SUBMITTED
    reason: str = ""
    message: str = ""
    run: int = 0
    revision: int = 0
    attempts: int = 0
    lost: int = 0
    interruptions: int = 0
    deliveries: int = 0
    worker: str | None = None
    progress: str | None = None
    result: Any = None
    result_ref: str | None = None
    last_error: ErrorInfo | None = None

    created_at: datetime | None = None
    start_after: datetime | None = None
    due_at: datetime | None = None
    ready_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def finished(self) -> bool:
        return self.phase.is_terminal

    @property
    def max_attempts(self) -> int:
        return int(self.retry.get("maxAttempts", 5))

    @property
    def shown(self) -> str:
        """How messages name it: its name, else its id."""
        return self.name or self.id


class AttemptView(View, kw_only=True, rename="camel", frozen=True):
    """One delivery; `number` counts them within `run`, from 1."""

    run: int
    number: int
    worker: str = ""
    leased_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    outcome: AttemptOutcome | None = None
    error: ErrorInfo | None = None


class ArtifactLinks(View, kw_only=True, rename="camel", frozen=True):
    content: str = ""


class ArtifactView(View, kw_only=True, rename="camel", frozen=True):
    """What one delivery left: the job's result, or its log. `Client.result` and `Client.logs` read them;
    `links.content` is where they stand below the server's address."""

    kind: str
    name: str
    media_type: str = ""
    run: int = 0
    delivery: int = 0
    size_bytes: int = 0
    links: ArtifactLinks = ArtifactLinks()


class QueueView(View, kw_only=True, rename="camel", frozen=True):
    name: str
    namespace: str = "default"
    limits: dict[str, Any] = {}
    job_defaults: dict[str, Any] = {}
    paused: bool = False
    paused_by: str | None = None
    paused_reason: str | None = None
    paused_until: datetime | None = None
    managed_by: str | None = None
    deleted: bool = False
    created_at: datetime | None = None

    @property
    def state(self) -> str:
        if self.deleted:
            return "Deleted"
        return "Paused" if self.paused or self.paused_by else "Active"


class OrphanView(View, kw_only=True, rename="camel", frozen=True):
    """A live job whose TaskJob is gone."""

    job: str
    namespace: str
    owner: str
    created_at: datetime | None = None


class OrphanReport(View, kw_only=True, rename="camel", frozen=True):
    """What the operator of one cluster holds back until somebody confirms it."""

    cluster_id: str
    total: int
    namespaces: tuple[str, ...] = ()
    items: tuple[OrphanView, ...] = ()
    reported_at: datetime | None = None
    confirmed: bool = False


class WorkerView(View, kw_only=True, rename="camel", frozen=True):
    session: str
    name: str
    queues: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    slots: int = 0
    held: int = 0
    carrier: str = ""
    draining: bool = False
    closed: bool = False
    connected_at: datetime | None = None
    renewed_at: datetime | None = None

    @property
    def state(self) -> str:
        if self.closed:
            return "Closed"
        return "Draining" if self.draining else "Connected"


V = TypeVar("V", bound=View)


def view(kind: type[V], document: Any) -> V:
    """Raises `TaskJobError` for an answer that is not this kind of thing (another server, or a proxy)."""
    try:
        return msgspec.convert({**document, "document": document}, kind)
    except (TypeError, ValueError) as error:
        raise TaskJobError(
            f"the server's answer is not understood: {error}", hint="is this a TaskJob server of about this version?"
        ) from error
