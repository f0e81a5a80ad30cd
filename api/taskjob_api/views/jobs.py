"""Jobs, as they stand."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from taskjob.model import ErrorInfo, Job, format_time
from taskjob.spec.keys import chosen_key
from taskjob_api.views.record import View, told_record, told_time


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


class JobPage(View, frozen=True, kw_only=True):
    """Newest first. `nextCursor` continues exactly after the last item; absent at the end."""

    items: list[JobView]
    next_cursor: str | None = None


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
        start_after=told_time(job.start_after),
        retry=told_record(job.retry),
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
        deadline_at=told_time(job.deadline_at),
        due_at=told_time(job.due_at),
        ready_at=told_time(job.ready_at),
        leased_at=told_time(job.leased_at),
        started_at=told_time(job.started_at),
        finished_at=told_time(job.finished_at),
        expires_at=told_time(job.expires_at),
        cancel_requested_at=told_time(job.cancel_requested_at),
    )
