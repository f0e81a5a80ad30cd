"""From stored fields to the public `Job`: the only place that builds one. Pure.

`JobDetails` is what a job carries beside its `JobState`: transitions never read it.
"""

from __future__ import annotations

import msgspec

from taskjob.model import Job, Micros, Owner, Reason
from taskjob_engine.lifecycle.state import JobState, State, phase_of


class JobDetails(msgspec.Struct, frozen=True, kw_only=True):
    """`payload`, `checkpoint` and `result` are raw JSON."""

    payload: bytes = b"{}"
    name: str | None = None
    labels: dict[str, str] = {}
    idempotency_key: str | None = None
    owner: Owner | None = None
    progress: str | None = None
    checkpoint: bytes | None = None
    result: bytes | None = None
    result_ref: str | None = None


def public_reason(state: State, reason: Reason, cancel_requested_at: Micros | None) -> Reason:
    """A leased job whose cancel was asked for says Cancelling."""
    if state is State.LEASED and cancel_requested_at is not None:
        return Reason.CANCELLING
    return reason


def job_view(job: JobState, details: JobDetails) -> Job:
    return Job(
        id=job.id,
        namespace=job.namespace,
        queue=job.queue,
        task=job.task,
        payload=msgspec.Raw(details.payload),
        name=details.name,
        labels=details.labels,
        priority=job.priority,
        retry=job.retry,
        timeout_seconds=job.timeout_seconds,
        active_deadline_seconds=job.active_deadline_seconds,
        idempotency_key=details.idempotency_key,
        concurrency_key=job.concurrency_key,
        suspend=job.suspend,
        ttl_seconds_after_finished=job.ttl_seconds_after_finished,
        ttl_seconds_after_failed=job.ttl_seconds_after_failed,
        owner=details.owner,
        phase=phase_of(job.state, job.reason, job.started_at),
        reason=public_reason(job.state, job.reason, job.cancel_requested_at),
        run=job.run,
        revision=job.revision,
        attempts=job.attempts,
        lost=job.lost,
        interruptions=job.interruptions,
        deliveries=job.deliveries,
        suspect=job.suspect,
        worker=job.worker,
        progress=details.progress,
        checkpoint=_raw(details.checkpoint),
        result=_raw(details.result),
        result_ref=details.result_ref,
        last_error=job.last_error,
        created_at=job.created_at,
        start_after=job.start_after,
        deadline_at=job.deadline_at,
        due_at=job.due_at,
        ready_at=job.ready_at,
        leased_at=job.leased_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        cancel_requested_at=job.cancel_requested_at,
    )


def _raw(value: bytes | None) -> msgspec.Raw | None:
    return None if value is None else msgspec.Raw(value)
