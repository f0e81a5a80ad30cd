"""The shared nouns: frozen records, no behaviour beyond reading themselves, no I/O.

They are `msgspec.Struct`s because every one of them crosses a wire: Python names are snake_case,
wire names camelCase. Times inside are integer microseconds since the Unix epoch (`Micros`);
`taskjob.model.times` turns them into RFC 3339 at the edges.
"""

from taskjob.model.identity import is_identifier, new_job_id, new_lease_id
from taskjob.model.job import (
    Attempt,
    AttemptOutcome,
    Backoff,
    BackoffChoice,
    ErrorInfo,
    Job,
    Owner,
    RetryChoice,
    RetryPolicy,
)
from taskjob.model.phase import Phase, Reason
from taskjob.model.queue import JobDefaults, Queue, QueueLimits, QueueTrouble
from taskjob.model.stats import NamespaceStats, QueueCounts
from taskjob.model.times import Micros, format_time, parse_time
from taskjob.model.worker import WorkerInfo

__all__ = [
    "Attempt",
    "AttemptOutcome",
    "Backoff",
    "BackoffChoice",
    "ErrorInfo",
    "Job",
    "JobDefaults",
    "Micros",
    "NamespaceStats",
    "Owner",
    "Phase",
    "Queue",
    "QueueCounts",
    "QueueLimits",
    "QueueTrouble",
    "Reason",
    "RetryChoice",
    "RetryPolicy",
    "WorkerInfo",
    "format_time",
    "is_identifier",
    "new_job_id",
    "new_lease_id",
    "parse_time",
]
