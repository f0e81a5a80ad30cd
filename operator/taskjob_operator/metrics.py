"""Every metric of the operator process, as data and as it is counted."""

from __future__ import annotations

from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class MetricSpec(msgspec.Struct, frozen=True):
    """`name` as Prometheus shows it: counters end in `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


LEADING = MetricSpec("taskjob_operator_leading", "gauge", (), "1 where this process holds the Lease.")
OBJECTS = MetricSpec("taskjob_operator_taskjobs", "gauge", (), "TaskJobs known.")
QUEUE = MetricSpec("taskjob_operator_queue_depth", "gauge", (), "TaskJobs that wait to be told to the api.")
PENDING_WRITES = MetricSpec("taskjob_operator_status_writes_pending", "gauge", (), "Statuses that wait to be written.")
ORPHANS = MetricSpec(
    "taskjob_operator_orphans_held",
    "gauge",
    (),
    "Jobs without a TaskJob that wait for `taskjob orphans confirm`; 0 normally.",
)
API_UP = MetricSpec("taskjob_operator_api_up", "gauge", (), "1 where the api answered the last call.")
STATUS_WRITES = MetricSpec(
    "taskjob_operator_status_writes_total",
    "counter",
    ("outcome",),
    "Status writes by outcome: written, stale, gone, refused, failed, throttled.",
)
ENSURED = MetricSpec(
    "taskjob_operator_jobs_ensured_total", "counter", ("outcome",), "TaskJobs told to the api, by its verdict."
)
DISOWNED = MetricSpec(
    "taskjob_operator_jobs_disowned_total",
    "counter",
    ("outcome",),
    "Jobs whose TaskJob is gone, by what became of them.",
)
DELETED = MetricSpec("taskjob_operator_taskjobs_deleted_total", "counter", (), "Finished TaskJobs deleted by TTL.")
RESTARTS = MetricSpec("taskjob_operator_watch_restarts_total", "counter", (), "Watches begun again after an error.")
SWEEPS = MetricSpec(
    "taskjob_operator_sweeps_total", "counter", ("result",), "Sweeps for orphans: clean, cancelled, braked, failed."
)
EVENTS = MetricSpec(
    "taskjob_operator_events_total",
    "counter",
    ("outcome",),
    "Kubernetes Events by outcome: written, known (written before), dropped (too many at once), refused, failed.",
)
MALFORMED = MetricSpec("taskjob_operator_malformed_objects_total", "counter", (), "Objects that could not be read.")
API_SECONDS = MetricSpec(
    "taskjob_operator_api_call_duration_seconds", "histogram", (), "Time of a call that tells jobs to the api."
)

CATALOGUE: tuple[MetricSpec, ...] = (
    LEADING,
    OBJECTS,
    QUEUE,
    PENDING_WRITES,
    ORPHANS,
    API_UP,
    STATUS_WRITES,
    ENSURED,
    DISOWNED,
    DELETED,
    RESTARTS,
    SWEEPS,
    EVENTS,
    MALFORMED,
    API_SECONDS,
)


class Metrics:
    """One set, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leading = self._gauge(LEADING)
        self.objects = self._gauge(OBJECTS)
        self.queue = self._gauge(QUEUE)
        self.pending_writes = self._gauge(PENDING_WRITES)
        self.orphans = self._gauge(ORPHANS)
        self.api_up = self._gauge(API_UP)
        self.status_writes = self._counter(STATUS_WRITES)
        self.ensured = self._counter(ENSURED)
        self.disowned = self._counter(DISOWNED)
        self.expired_objects = self._counter(DELETED)
        self.watch_restarts = self._counter(RESTARTS)
        self.sweeps = self._counter(SWEEPS)
        self.events = self._counter(EVENTS)
        self.malformed = self._counter(MALFORMED)
        self.api_seconds = Histogram(API_SECONDS.name, API_SECONDS.help, buckets=_SECONDS, registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _gauge(self, spec: MetricSpec) -> Gauge:
        return Gauge(spec.name, spec.help, registry=self.registry)

    def _counter(self, spec: MetricSpec) -> Counter:
        return Counter(spec.name, spec.help, spec.labels, registry=self.registry)
