"""Every metric of the operator process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One set in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.leading = self._gauge("taskjob_operator_leading", "1 where this process holds the Lease.")
        self.objects = self._gauge("taskjob_operator_taskjobs", "TaskJobs known.")
        self.queue = self._gauge("taskjob_operator_queue_depth", "TaskJobs that wait to be told to the api.")
        self.pending_writes = self._gauge("taskjob_operator_status_writes_pending", "Statuses that wait to be written.")
        self.orphans = self._gauge(
            "taskjob_operator_orphans_held",
            "Jobs without a TaskJob that wait for `taskjob orphans confirm`; 0 normally.",
        )
        self.api_up = self._gauge("taskjob_operator_api_up", "1 where the api answered the last call.")
        self.status_writes = self._counter(
            "taskjob_operator_status_writes", "Status writes by outcome: written, stale, gone, refused, …", ("outcome",)
        )
        self.ensured = self._counter(
            "taskjob_operator_jobs_ensured", "TaskJobs told to the api, by its verdict.", ("outcome",)
        )
        self.disowned = self._counter(
            "taskjob_operator_jobs_disowned", "Jobs whose TaskJob is gone, by what became of them.", ("outcome",)
        )
        self.expired_objects = self._counter("taskjob_operator_taskjobs_deleted", "Finished TaskJobs deleted by TTL.")
        self.watch_restarts = self._counter("taskjob_operator_watch_restarts", "Watches begun again after an error.")
        self.sweeps = self._counter("taskjob_operator_sweeps", "Sweeps for orphans by result.", ("result",))
        self.malformed = self._counter("taskjob_operator_malformed_objects", "Objects that could not be read.")
        self.api_seconds = Histogram(
            "taskjob_operator_api_call_duration_seconds",
            "Time of a call that tells jobs to the api.",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self.registry)

    def _counter(self, name: str, meaning: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)
