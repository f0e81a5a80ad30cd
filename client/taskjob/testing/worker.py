"""A whole worker inline: submitted jobs run in order until none is left, waits are skipped.

It plays the rules a user's tests lean on: attempts up to maxAttempts, non-retryable errors, Retry, Snooze, Cancel,
start times, idempotency keys, jobs submitted by tasks. It knows no queues' limits, priorities' ageing or time-outs.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Mapping
from typing import Any

from taskjob.decorator import Task, job_document
from taskjob.errors import IdempotencyConflictError, NotFoundError
from taskjob.model.identity import new_job_id
from taskjob.model.job import AttemptOutcome, Backoff, RetryPolicy
from taskjob.model.phase import Phase
from taskjob.registry import Registry, registry
from taskjob.testing.runs import TaskRun, run_task

MAX_DELIVERIES = 1000
"""A job that snoozes for ever is a fault of the test."""


@dataclasses.dataclass(kw_only=True)
class InlineJob:
    """One job of an inline worker. `runs` are its deliveries so far, oldest first."""

    id: str
    document: Mapping[str, Any]
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
        job = InlineJob(id=new_job_id(), document=document)
        self.jobs[job.id] = job
        if key is not None:
            self._keys[key] = job
        self._wait(job, 0.0)
        return job

    def _wait(self, job: InlineJob, seconds: float) -> None:
        heapq.heappush(self._due, (self.seconds + seconds, next(self._order), job))

    def _deliver(self, job: InlineJob) -> None:
        task = self._tasks.get(job.document["task"])
        if task is None:
            raise NotFoundError(f"no task {job.document['task']!r}; known: {', '.join(self._tasks.names)}")
        if len(job.runs) >= MAX_DELIVERIES:
            raise RecursionError(f"job {job.id} of {task.name!r} was delivered {MAX_DELIVERIES} times")
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
        if run.outcome is AttemptOutcome.SNOOZED:
            job.phase = Phase.SUBMITTED
            self._wait(job, run.delay_seconds or 0.0)
            return
        if run.outcome is AttemptOutcome.CANCELLED:
            job.phase = Phase.CANCELLED
            return
        job.attempts += 1
        if run.outcome is AttemptOutcome.COMPLETED:
            job.phase = Phase.COMPLETED
        elif self._is_final(job, run):
            job.phase = Phase.DEAD_LETTER
        else:
            job.phase = Phase.RETRY_QUEUED
            self._wait(job, _backoff(job.attempts) if run.delay_seconds is None else run.delay_seconds)

    def _is_final(self, job: InlineJob, run: TaskRun) -> bool:
        retry = job.document.get("retry", {})
        named = run.error is not None and run.error.type in retry.get("nonRetryable", ())
        return not run.retryable or named or job.attempts >= retry.get("maxAttempts", RetryPolicy().max_attempts)


def _backoff(attempts: int) -> float:
    policy = Backoff()
    return float(min(policy.initial_seconds * policy.multiplier ** (attempts - 1), policy.max_seconds))
