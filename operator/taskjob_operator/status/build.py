"""The status of a TaskJob whose job the engine has."""

from __future__ import annotations

from typing import Any

import msgspec

from taskjob.model import ErrorInfo, Job, Micros, Phase, Reason, format_time
from taskjob.model.spans import span
from taskjob_operator.status.conditions import conditions_of
from taskjob_operator.status.document import MAX_ERROR, MAX_MESSAGE, MAX_RESULT, TaskJobStatus, bounded
from taskjob_operator.status.queued import waits_for_a_worker
from taskjob_operator.status.redact import redacted_line

_MESSAGES = {
    Reason.SNOOZED: "the task asked to be run later",
    Reason.SUSPENDED: "spec.suspend is true",
    Reason.LIMITED: "waits for another job of its concurrencyKey or for the queue's limit",
    Reason.CANCELLING: "the worker was told to stop it",
    Reason.CANCEL_REQUESTED: "it was cancelled",
    Reason.CANCELLED_BY_TASK: "the task cancelled itself",
    Reason.LOST_EXHAUSTED: "its worker died too often",
    Reason.INTERRUPTIONS_EXHAUSTED: "it was interrupted too often",
    Reason.DELIVERIES_EXHAUSTED: "it was handed out too often",
    Reason.DEADLINE_EXCEEDED: "activeDeadlineSeconds is over",
}
"""Never a position or an estimate: those change by themselves, and each change would be a write."""


def status_of(job: Job, *, generation: int, incarnation: str, mirrored: bool, now: Micros) -> TaskJobStatus:
    """What `job` looks like to a person. Depends on nothing else, but that a suspension counts from `now`."""
    message = bounded(redacted_line(job.message) or _message(job), MAX_MESSAGE)
    return TaskJobStatus(
        phase=job.phase.pascal,
        reason=job.reason.value,
        message=message,
        conditions=conditions_of(job, message, generation=generation, mirrored=mirrored, now=now),
        observed_generation=generation,
        incarnation=incarnation,
        run=job.run,
        revision=job.revision,
        job_id=job.id,
        attempt=_attempt(job),
        attempts=job.attempts,
        lost=job.lost,
        interruptions=job.interruptions,
        worker=bounded(job.worker or "", 253),
        accepted_at=format_time(job.created_at),
        due_at=_time(job.due_at),
        queued_at=_time(job.ready_at),
        started_at=_time(job.started_at),
        finished_at=_time(job.finished_at),
        duration=_duration(job),
        progress=bounded(redacted_line(job.progress or ""), 256),
        result=_result(job.result),
        result_ref=bounded(job.result_ref or "", 512),
        last_error=_error(job.last_error),
    )


def _message(job: Job) -> str:
    """Why it is where it is, with the error where there is one: `kubectl get -o wide` shows no other."""
    tried, error = f"attempt {job.attempts} of {job.retry.max_attempts} failed", _error(job.last_error)
    told = f": {error}" if error else ""
    match job.reason:
        case Reason.QUEUED:
            return waits_for_a_worker(job.queue)
        case Reason.DELAYED:
            return f"not before {_second(job.due_at)}"
        case Reason.BACKOFF:
            return f"next attempt at {_second(job.due_at)}; {tried}{told}"
        case Reason.ATTEMPTS_EXHAUSTED:
            return f"{tried}{told}"
        case Reason.NON_RETRYABLE:
            return f"{tried} with an error that is not retried{told}"
        case _:
            return _MESSAGES.get(job.reason, "")


def _attempt(job: Job) -> str:
    """Attempts charged so far, and the one that runs, of how many."""
    running = 1 if job.phase in {Phase.ASSIGNED, Phase.RUNNING} else 0
    return f"{min(job.attempts + running, job.retry.max_attempts)}/{job.retry.max_attempts}"


def _duration(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return span((job.finished_at - job.started_at) / 1_000_000)


def _time(at: Micros | None) -> str:
    return "" if at is None else format_time(at)


def _second(at: Micros | None) -> str:
    """Short, for a text."""
    return _time(at).partition(".")[0] + "Z"


def _error(error: ErrorInfo | None) -> str:
    if error is None:
        return ""
    return bounded(redacted_line(f"{error.type}: {error.message}" if error.message else error.type), MAX_ERROR)


def _result(result: Any) -> str:
    """As JSON text, where that is short."""
    if result is None:
        return ""
    text = msgspec.json.encode(result)
    return "" if len(text) > MAX_RESULT else text.decode(errors="replace")
