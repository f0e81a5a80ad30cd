"""What REST tells: flat camelCase records, times in RFC 3339, absent fields left out. The same words as the documents.

These records are the answers' schema in OpenAPI; they read the model and decide nothing.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from taskjob.model import Attempt, ErrorInfo, Job, Micros, NamespaceStats, Queue, QueueTrouble, WorkerInfo, format_time
from taskjob.spec.keys import chosen_key
from taskjob_engine.logs import LogPage
from taskjob_engine.policies.explain import Answer


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Fields without a default are always told; others only where they hold something."""


class OwnerView(View, frozen=True, kw_only=True):
    """The TaskJob of a cluster that a job belongs to; change that rather than the job."""

    cluster_id: str
    namespace: str
    name: str
    uid: str


class JobView(View, frozen=True, kw_only=True):
    """A job. `phase` is one of submitted, queued, assigned, running, retry_queued, completed, dead_letter,
    cancelled. `resultRef` stands instead of a result that is too large for the store; `GET …/result` tells both."""

    id: str
    namespace: str
    queue: str
    task: str
    name: str | None = None
    labels: dict[str, str]
    payload: msgspec.Raw
    priority: int
    start_after: str | None = None
    retry: dict[str, Any]
    timeout_seconds: int
    active_deadline_seconds: int | None = None
    idempotency_key: str | None = None
    concurrency_key: str | None = None
    suspend: bool
    ttl_seconds_after_finished: int
    ttl_seconds_after_failed: int
    owner: OwnerView | None = None

    phase: Literal[
        "submitted", "queued", "assigned", "running", "retry_queued", "completed", "dead_letter", "cancelled"
    ]
    reason: str
    message: str
    run: int
    revision: int
    attempts: int
    lost: int
    interruptions: int
    deliveries: int
    suspect: bool
    worker: str | None = None
    progress: str | None = None
    result: msgspec.Raw | None = None
    result_ref: str | None = None
    last_error: ErrorInfo | None = None

    created_at: str
    deadline_at: str | None = None
    due_at: str | None = None
    ready_at: str | None = None
    leased_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    expires_at: str | None = None
    cancel_requested_at: str | None = None


class SubmittedJob(View, frozen=True, kw_only=True):
    """An accepted job, durable. `existing`: the same key and document came before; `id` is that job's."""

    id: str
    namespace: str
    queue: str
    task: str
    name: str | None = None
    outcome: Literal["created", "existing"]


class BatchVerdict(View, frozen=True, kw_only=True):
    """What became of one item. `conflict` (same key, other document) names the first job's id; `rejected` tells
    code, detail and field, as a problem would."""

    outcome: Literal["created", "existing", "conflict", "rejected"]
    id: str | None = None
    code: str | None = None
    detail: str | None = None
    field: str | None = None
    hint: str | None = None


class BatchResult(View, frozen=True, kw_only=True):
    """One verdict per item, in order."""

    items: list[BatchVerdict]


class JobPage(View, frozen=True, kw_only=True):
    """Newest first. `nextCursor` continues exactly after the last item; absent at the end."""

    items: list[JobView]
    next_cursor: str | None = None


class AttemptView(View, frozen=True, kw_only=True):
    """One delivery, `number` within its run. `outcome` is absent while the lease is held."""

    run: int
    number: int
    worker: str
    leased_at: str
    started_at: str | None = None
    finished_at: str | None = None
    outcome: str | None = None
    error: ErrorInfo | None = None


class AttemptList(View, frozen=True, kw_only=True):
    """Oldest first, all runs."""

    items: list[AttemptView]


class LogView(View, frozen=True, kw_only=True):
    """A piece of one delivery's log. Read on with `after=next`; `finished`: nothing will follow."""

    run: int
    delivery: int
    text: str
    next: int
    finished: bool


class QueueView(View, frozen=True, kw_only=True):
    """`paused` is declared in the queue's document; `pausedBy` is the person who paused it by the API. `managedBy` is
    the cluster whose TaskQueue declares it; `deleted`: that is gone, and its jobs wait for another of that name.
    `trouble` is what keeps its workers there from starting."""

    namespace: str
    name: str
    limits: dict[str, int]
    job_defaults: dict[str, Any]
    paused: bool
    paused_by: str | None = None
    paused_reason: str | None = None
    paused_until: str | None = None
    managed_by: str | None = None
    deleted: bool = False
    trouble: QueueTrouble | None = None
    revision: int
    created_at: str


class QueueList(View, frozen=True, kw_only=True):
    items: list[QueueView]


class WorkerView(View, frozen=True, kw_only=True):
    """One session of one worker process; `held` counts its leases."""

    session: str
    epoch: int
    name: str
    namespace: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    held: int
    carrier: str
    draining: bool
    closed: bool
    connected_at: str
    renewed_at: str
    expires_at: str


class WorkerList(View, frozen=True, kw_only=True):
    items: list[WorkerView]


class QueueStats(View, frozen=True, kw_only=True):
    queue: str
    waiting: int
    ready: int
    leased: int
    live: int
    completed: int
    dead_letter: int
    cancelled: int
    accepted: int
    purged: int
    oldest_ready_at: str | None = None


class StatsView(View, frozen=True, kw_only=True):
    """One snapshot. `conserved`: accepted = completed + deadLetter + cancelled + live + purged, in each queue."""

    namespace: str
    at: str
    incarnation: str
    seq: int
    conserved: bool
    queues: list[QueueStats]


class ActionResult(View, frozen=True, kw_only=True):
    """`matched` jobs are meant (`atLeast`: more than can be counted cheaply). A preview changes none and gives the
    `token` that acts on exactly those; after an action a `token` means that it goes on from there."""

    action: Literal["cancel", "rerun", "purge"] | None = None
    preview: bool
    matched: int | None = None
    at_least: bool = False
    changed: int
    skipped: int
    token: str | None = None


class Readiness(View, frozen=True, kw_only=True):
    """Whether the process serves, and how far G1 reaches: the store's settings as read back from it."""

    ready: bool
    reason: str | None = None
    store: str | None = None
    durability: str | None = None
    replication: str | None = None
    schema_version: int | None = None
    incarnation: str | None = None
    hold_off_seconds: float = 0.0


class Health(View, frozen=True, kw_only=True):
    status: Literal["ok"]


ExplainView = Answer


def job_view(job: Job) -> JobView:
    return JobView(
        id=job.id,
        namespace=job.namespace,
        queue=job.queue,
        task=job.task,
        name=job.name,
        labels=job.labels,
        payload=job.payload,
        priority=job.priority,
        start_after=_time(job.start_after),
        retry=_plain(job.retry),
        timeout_seconds=job.timeout_seconds,
        active_deadline_seconds=job.active_deadline_seconds,
        idempotency_key=chosen_key(job.idempotency_key),
        concurrency_key=job.concurrency_key,
        suspend=job.suspend,
        ttl_seconds_after_finished=job.ttl_seconds_after_finished,
        ttl_seconds_after_failed=job.ttl_seconds_after_failed,
        owner=None if job.owner is None else OwnerView(**msgspec.structs.asdict(job.owner)),
        phase=job.phase.value,
        reason=job.reason.value,
        message=job.message,
        run=job.run,
        revision=job.revision,
        attempts=job.attempts,
        lost=job.lost,
        interruptions=job.interruptions,
        deliveries=job.deliveries,
        suspect=job.suspect,
        worker=job.worker,
        progress=job.progress,
        result=job.result,
        result_ref=job.result_ref,
        last_error=job.last_error,
        created_at=format_time(job.created_at),
        deadline_at=_time(job.deadline_at),
        due_at=_time(job.due_at),
        ready_at=_time(job.ready_at),
        leased_at=_time(job.leased_at),
        started_at=_time(job.started_at),
        finished_at=_time(job.finished_at),
        expires_at=_time(job.expires_at),
        cancel_requested_at=_time(job.cancel_requested_at),
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        run=attempt.run,
        number=attempt.number,
        worker=attempt.worker,
        leased_at=format_time(attempt.leased_at),
        started_at=_time(attempt.started_at),
        finished_at=_time(attempt.finished_at),
        outcome=None if attempt.outcome is None else attempt.outcome.value,
        error=attempt.error,
    )


def log_view(page: LogPage) -> LogView:
    return LogView(run=page.run, delivery=page.delivery, text=page.text, next=page.next, finished=page.complete)


def queue_view(queue: Queue) -> QueueView:
    return QueueView(
        namespace=queue.namespace,
        name=queue.name,
        limits=_plain(queue.limits),
        job_defaults=_plain(queue.job_defaults),
        paused=queue.paused,
        paused_by=queue.paused_by,
        paused_reason=queue.paused_reason,
        paused_until=_time(queue.paused_until),
        managed_by=queue.managed_by,
        deleted=queue.deleted,
        trouble=queue.trouble,
        revision=queue.revision,
        created_at=format_time(queue.created_at),
    )


def worker_view(worker: WorkerInfo) -> WorkerView:
    return WorkerView(
        session=worker.session,
        epoch=worker.epoch,
        name=worker.name,
        namespace=worker.namespace,
        queues=worker.queues,
        tasks=worker.tasks,
        slots=worker.slots,
        held=worker.held,
        carrier=worker.carrier,
        draining=worker.draining,
        closed=worker.closed,
        connected_at=format_time(worker.connected_at),
        renewed_at=format_time(worker.renewed_at),
        expires_at=format_time(worker.expires_at),
    )


def stats_view(stats: NamespaceStats) -> StatsView:
    return StatsView(
        namespace=stats.namespace or "*",
        at=format_time(stats.at),
        incarnation=stats.incarnation,
        seq=stats.seq,
        conserved=stats.conserved,
        queues=[
            QueueStats(
                queue=counts.queue,
                waiting=counts.waiting,
                ready=counts.ready,
                leased=counts.leased,
                live=counts.live,
                completed=counts.completed,
                dead_letter=counts.dead_letter,
                cancelled=counts.cancelled,
                accepted=counts.accepted,
                purged=counts.purged,
                oldest_ready_at=_time(counts.oldest_ready_at),
            )
            for counts in stats.queues
        ],
    )


def _time(at: Micros | None) -> str | None:
    return None if at is None else format_time(at)


def _plain(record: msgspec.Struct) -> dict[str, Any]:
    """The record with its defaults told, camelCase, without what is None."""
    told: dict[str, Any] = {}
    for name, key in zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True):
        value = getattr(record, name)
        if value is not None:
            told[key] = _plain(value) if isinstance(value, msgspec.Struct) else value
    return told
