"""A whole worker inline: submitted jobs run in order until none is left, waits are skipped.

It plays the rules a user's tests lean on: attempts up to maxAttempts, back-off (without its jitter), non-retryable
errors, Retry, Snooze, Cancel, the bound on deliveries, start times, idempotency keys, jobs submitted by tasks. It knows
no queues and their defaults or limits, no priorities, suspends, time-outs or deadlines.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from taskjob.decorator import Task, job_document
from taskjob.errors import IdempotencyConflictError, NotFoundError
from taskjob.model.identity import new_job_id
from taskjob.model.job import AttemptOutcome, RetryPolicy
from taskjob.model.phase import Phase
from taskjob.model.times import SECOND, parse_time
from taskjob.registry import Registry, registry
from taskjob.testing.runs import TaskRun, run_task


@dataclasses.dataclass(kw_only=True)
class InlineJob:
    """One job of an inline worker. `runs` are its deliveries so far, oldest first."""

    id: str
    document: Mapping[str, Any]
    retry: RetryPolicy
    phase: Phase = Phase.QUEUED
    attempts: int = 0
    runs: list[TaskRun] = dataclasses.field(default_factory=list)

    @property
    def result(self) -> Any:
        return self.runs[-1].result if self.runs else None


class InlineWorker:
    """`submit` jobs, then `run` until nothing is left to do. Single-threaded; not for use inside an event loop."""

    def __init__(self, tasks: Registry = registry) -> None:
        self.jobs: dict[str, InlineJob] = {}
        self.seconds = 0.0
        """How much time the waits would have taken."""
        self._tasks = tasks
        self._keys: dict[str, InlineJob] = {}
        self._due: list[tuple[float, int, InlineJob]] = []
        self._order = itertools.count()

    def submit(self, task: Task[..., Any] | str, payload: Any = None, /, **options: Any) -> InlineJob:
        """A job with the fields of `Task.submit`. Raises what the server would for a wrong payload or a reused key."""
        if isinstance(task, str):
            return self._accept(job_document(task, payload or {}, **options))
        return self._accept(task.document(payload, **options))

    def run(self) -> list[InlineJob]:
        """Run everything, jobs submitted on the way included; the jobs that ended, in order."""
        ended: list[InlineJob] = []
        while self._due:
            due, _, job = heapq.heappop(self._due)
            self.seconds = max(self.seconds, due)
            self._deliver(job)
            if job.phase.is_terminal:
                ended.append(job)
        return ended

    def _accept(self, document: Mapping[str, Any]) -> InlineJob:
        key = document.get("idempotencyKey")
        known = self._keys.get(key) if key is not None else None
        if known is not None:
            if known.document != document:
                raise IdempotencyConflictError(f"key {key!r} was used for another document")
            return known
        retry = msgspec.convert(document.get("retry", {}), RetryPolicy)
        job = InlineJob(id=new_job_id(), document=document, retry=retry)
        self.jobs[job.id] = job
        if key is not None:
            self._keys[key] = job
        self._wait(job, _seconds_until(document.get("startAfter")))
        return job

    def _wait(self, job: InlineJob, seconds: float) -> None:
        heapq.heappush(self._due, (self.seconds + seconds, next(self._order), job))

    def _deliver(self, job: InlineJob) -> None:
        task = self._tasks.get(job.document["task"])
        if task is None:
            raise NotFoundError(f"no task {job.document['task']!r}; known: {', '.join(self._tasks.names)}")
        run = run_task(
            task,
            job.document["payload"],
            job_id=job.id,
            attempt=job.attempts + 1,
            delivery=len(job.runs) + 1,
            labels=job.document.get("labels", {}),
            checkpoint=job.runs[-1].checkpoint if job.runs else None,
        )
        job.runs.append(run)
        for document in run.submitted:
            self._accept(document)
        self._end(job, run)

    def _end(self, job: InlineJob, run: TaskRun) -> None:
        if run.outcome is AttemptOutcome.CANCELLED:
            job.phase = Phase.CANCELLED
            return
        snoozed = run.outcome is AttemptOutcome.SNOOZED
        job.attempts += 0 if snoozed else 1
        if run.outcome is AttemptOutcome.COMPLETED:
            job.phase = Phase.COMPLETED
        elif len(job.runs) >= job.retry.max_deliveries or (not snoozed and _is_final(job, run)):
            job.phase = Phase.DEAD_LETTER
        else:
            job.phase = Phase.SUBMITTED if snoozed else Phase.RETRY_QUEUED
            self._wait(job, _backoff(job) if run.delay_seconds is None else run.delay_seconds)


def _is_final(job: InlineJob, run: TaskRun) -> bool:
    named = run.error is not None and run.error.type in job.retry.non_retryable
    return not run.retryable or named or job.attempts >= job.retry.max_attempts


def _backoff(job: InlineJob) -> float:
    policy = job.retry.backoff
    return float(min(policy.initial_seconds * policy.multiplier ** (job.attempts - 1), policy.max_seconds))


def _seconds_until(start_after: str | None) -> float:
    """From the submit, on the real clock: what a job's start time was made from."""
    if start_after is None:
        return 0.0
    return max(0.0, (parse_time(start_after) - time.time_ns() // 1000) / SECOND)
