"""From an accepted document to the job that is stored: what it leaves out comes from its queue, then the product.

Pure, and used by every store, so that a job means the same in all of them. Also how long its idempotency key lives.
"""

from __future__ import annotations

from typing import Any

import msgspec

from taskjob.errors import InvalidError
from taskjob.model import BackoffChoice, JobDefaults, Micros, RetryChoice, RetryPolicy
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle.spans import LONGEST_SECONDS
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.lifecycle.view import JobDetails
from taskjob_engine.store import Submission

TIMEOUT_SECONDS = 3600
TTL_SECONDS_AFTER_FINISHED = 86_400
TTL_SECONDS_AFTER_FAILED = 1_209_600
KEY_KEPT_SECONDS = 86_400
RETRY = RetryPolicy()

_LARGEST_PRIORITY = 1_000_000
_LATEST = 2**53

_replace = msgspec.structs.replace


def resolve(item: Submission, defaults: JobDefaults, *, now: Micros) -> JobState:
    """The job as it is before its first placement (`transitions.accept`).

    Raises `InvalidError` for numbers that no store can keep: the doors refuse them long before.
    """
    _check_numbers(item)
    deadline = item.active_deadline_seconds
    return JobState(
        id=item.id,
        namespace=item.namespace,
        queue=item.queue,
        task=item.task,
        retry=retry_policy(item.retry, defaults.retry),
        timeout_seconds=_first(item.timeout_seconds, defaults.timeout_seconds, TIMEOUT_SECONDS),
        priority=item.priority,
        concurrency_key=item.concurrency_key,
        suspend=item.suspend,
        ttl_seconds_after_finished=_first(
            item.ttl_seconds_after_finished, defaults.ttl_seconds_after_finished, TTL_SECONDS_AFTER_FINISHED
        ),
        ttl_seconds_after_failed=_first(
            item.ttl_seconds_after_failed, defaults.ttl_seconds_after_failed, TTL_SECONDS_AFTER_FAILED
        ),
        created_at=now,
        start_after=item.start_after,
        run=item.run,
        active_deadline_seconds=deadline,
        deadline_at=None if deadline is None else now + deadline * SECOND,
    )


def retry_policy(job: RetryChoice | None, queue: RetryChoice | None) -> RetryPolicy:
    """Each field is the job's choice, else its queue's, else the product's."""
    choices = [choice for choice in (queue, job) if choice is not None]
    if not choices:
        return RETRY
    backoff = RETRY.backoff
    policy = RETRY
    for choice in choices:
        policy = _replace(policy, **_chosen(choice))
        if choice.backoff is not None:
            backoff = _replace(backoff, **_chosen(choice.backoff))
    return _replace(policy, backoff=backoff)


def details_of(item: Submission) -> JobDetails:
    return JobDetails(
        payload=item.payload,
        name=item.name,
        labels=item.labels,
        idempotency_key=item.idempotency_key,
        owner=item.owner,
    )


def key_expires_at(finished_at: Micros | None, expires_at: Micros | None) -> Micros | None:
    """Until when the idempotency key of a job is kept: for ever while the job lives (None), then the longer of
    a day and the job's retention, counted from its finish. It outlives the job's pruning."""
    if finished_at is None or expires_at is None:
        return None
    return max(finished_at + KEY_KEPT_SECONDS * SECOND, expires_at)


def _check_numbers(item: Submission) -> None:
    spans = {
        "timeoutSeconds": item.timeout_seconds,
        "activeDeadlineSeconds": item.active_deadline_seconds,
        "ttlSecondsAfterFinished": item.ttl_seconds_after_finished,
        "ttlSecondsAfterFailed": item.ttl_seconds_after_failed,
    }
    for field, value in spans.items():
        if value is not None and not 0 <= value <= LONGEST_SECONDS:
            raise InvalidError(f"{field} must be 0 to {int(LONGEST_SECONDS)} seconds", field=f"/spec/{field}")
    if abs(item.priority) > _LARGEST_PRIORITY:
        raise InvalidError(f"priority must be within ±{_LARGEST_PRIORITY}", field="/spec/priority")
    if item.start_after is not None and not -_LATEST < item.start_after < _LATEST:
        raise InvalidError("startAfter is out of range", field="/spec/startAfter")


def _chosen(choice: RetryChoice | BackoffChoice) -> dict[str, Any]:
    fields = {name: getattr(choice, name) for name in choice.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not None}


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
