"""A queue: its limits, the defaults it gives to its jobs, and whether it is paused."""

from __future__ import annotations

from taskjob.model.job import Record, RetryChoice
from taskjob.model.times import Micros


class QueueLimits(Record, frozen=True, kw_only=True):
    """None means unlimited. `per_concurrency_key` bounds jobs of equal concurrencyKey that run at once."""

    max_concurrency: int | None = None
    per_concurrency_key: int = 1
    rate_per_second: int | None = None
    max_live_jobs: int | None = None


class JobDefaults(Record, frozen=True, kw_only=True):
    """Applied at submit to what a job leaves out, each field of `retry` by itself. None falls through to the
    product's default."""

    retry: RetryChoice | None = None
    timeout_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    ttl_seconds_after_failed: int | None = None


class QueueTrouble(Record, frozen=True, kw_only=True):
    """Why workers of a queue cannot start, as the cluster says that runs them: a word for programs (ImagePullBackOff,
    QuotaExceeded, …) and a line for people."""

    reason: str
    message: str = ""


class Queue(Record, frozen=True, kw_only=True):
    """`paused` is the declared half; `paused_by` the operational half, set by a person through the API.

    `managed_by` is the cluster whose object declares the queue: people then change the object. `deleted`: the object is
    gone; limits stay and jobs wait, until a queue of that name is declared again. `trouble` is what that cluster last
    said of its workers; None: nothing is wrong that it knows of."""

    namespace: str
    name: str
    limits: QueueLimits = QueueLimits()
    job_defaults: JobDefaults = JobDefaults()
    paused: bool = False
    paused_by: str | None = None
    paused_reason: str | None = None
    paused_until: Micros | None = None
    managed_by: str | None = None
    deleted: bool = False
    trouble: QueueTrouble | None = None
    revision: int = 0
    created_at: Micros = 0
