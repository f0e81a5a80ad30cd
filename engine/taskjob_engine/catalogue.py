"""Every metric of the api process, as data: what `/metrics` may show and what dashboards and alert rules ask."""

from __future__ import annotations

from typing import Literal

import msgspec

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
WAIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200)


class MetricSpec(msgspec.Struct, frozen=True):
    """`name` as Prometheus shows it: counters end in `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


_QUEUE = ("namespace", "queue")
_TASK = ("namespace", "queue", "task")

SUBMITTED = MetricSpec(
    "taskjob_jobs_submitted_total", "counter", (*_QUEUE, "outcome"), "Submits by outcome: created, existing, …"
)
GRANTED = MetricSpec("taskjob_jobs_leased_total", "counter", _QUEUE, "Jobs handed to workers.")
PROCESSED = MetricSpec(
    "taskjob_jobs_processed_total", "counter", (*_TASK, "outcome"), "Ended deliveries by outcome of the attempt."
)
DURATION = MetricSpec(
    "taskjob_job_processing_duration_seconds",
    "histogram",
    _TASK,
    "Run time of attempts that completed, failed or timed out.",
    DURATION_BUCKETS,
)
WAITED = MetricSpec(
    "taskjob_job_queue_wait_seconds", "histogram", _QUEUE, "From ready to leased, each delivery.", WAIT_BUCKETS
)
FAILURES = MetricSpec(
    "taskjob_job_failures_total", "counter", (*_TASK, "outcome"), "Attempts that failed, timed out or crashed."
)
RETRIES = MetricSpec("taskjob_retries_total", "counter", _TASK, "Failed attempts that will be retried.")
DEAD = MetricSpec(
    "taskjob_jobs_dead_lettered_total",
    "counter",
    _TASK,
    "Jobs that a settle, the clock or a session ended for good.",
)
STALE = MetricSpec("taskjob_settles_refused_total", "counter", ("verdict", "reason"), "Settles stale or replayed.")
EXPIRED = MetricSpec(
    "taskjob_leases_expired_total",
    "counter",
    ("kind",),
    "Ends decided by the clock: lost, released, timed_out, deadline.",
)
PROMOTED = MetricSpec("taskjob_jobs_promoted_total", "counter", (), "Waiting jobs whose time had come.")
PRUNED = MetricSpec("taskjob_jobs_pruned_total", "counter", (), "Finished jobs deleted after their retention.")
MAINTENANCE_ERRORS = MetricSpec(
    "taskjob_maintenance_errors_total", "counter", ("service",), "Failed rounds of a maintenance service."
)
STORE_ERRORS = MetricSpec("taskjob_store_errors_total", "counter", ("code",), "Calls the store could not serve.")
ROLLBACKS = MetricSpec(
    "taskjob_store_rollbacks_total", "counter", (), "Times a peer proved that the store lost commits."
)
WITNESSES_REFUSED = MetricSpec(
    "taskjob_witnesses_refused_total", "counter", (), "Proofs of a rollback that this store never signed: ignored."
)
ENSURED = MetricSpec(
    "taskjob_objects_ensured_total", "counter", ("outcome",), "TaskJobs told by an operator: owned, mirrored, …"
)
ORPHANS = MetricSpec(
    "taskjob_orphaned_jobs", "gauge", ("cluster",), "Live jobs without their TaskJob that wait for a confirmation."
)
LOG_BYTES = MetricSpec("taskjob_log_bytes_total", "counter", (), "Log text received from workers.")
DEPTH = MetricSpec("taskjob_queue_depth", "gauge", (*_QUEUE, "state"), "Live jobs: waiting, ready, leased.")
OLDEST = MetricSpec("taskjob_queue_oldest_age_seconds", "gauge", _QUEUE, "Wait of the longest-waiting ready job.")
DEAD_LETTERS = MetricSpec("taskjob_dead_letter_jobs", "gauge", _QUEUE, "Dead letters kept now.")
HOLDOFF = MetricSpec("taskjob_rescue_holdoff_seconds", "gauge", (), "How long no lease is declared lapsed; 0 normally.")
STORE = MetricSpec(
    "taskjob_store_info", "gauge", ("kind", "durability", "replication"), "Always 1: what the store guarantees."
)
SCRAPED = MetricSpec("taskjob_stats_available", "gauge", (), "1 where the store answered this scrape, else 0.")

CATALOGUE: tuple[MetricSpec, ...] = (
    SUBMITTED,
    GRANTED,
    PROCESSED,
    DURATION,
    WAITED,
    FAILURES,
    RETRIES,
    DEAD,
    STALE,
    EXPIRED,
    PROMOTED,
    PRUNED,
    MAINTENANCE_ERRORS,
    STORE_ERRORS,
    ROLLBACKS,
    WITNESSES_REFUSED,
    ENSURED,
    ORPHANS,
    LOG_BYTES,
    DEPTH,
    OLDEST,
    DEAD_LETTERS,
    HOLDOFF,
    STORE,
    SCRAPED,
)
