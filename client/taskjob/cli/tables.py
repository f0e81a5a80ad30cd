"""Which columns a list of jobs, queues or workers shows. Pure: views in, texts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from taskjob.cli import words
from taskjob.client.views import JobView, QueueView, WorkerView

JOB_COLUMNS = ("JOB", "TASK", "QUEUE", "STATUS", "ATTEMPT", "DURATION", "AGE")
JOB_WIDE = ("ID", "RUN", "PRIORITY", "WORKER", "PROGRESS", "REASON", "MESSAGE")
QUEUE_COLUMNS = ("QUEUE", "STATE", "WAITING", "READY", "LEASED", "COMPLETED", "DEAD", "AGE")
QUEUE_WIDE = ("CONCURRENCY", "RATE", "LIVE", "PER-KEY", "PAUSED-BY")
WORKER_COLUMNS = ("WORKER", "STATE", "BUSY", "QUEUES", "TASKS", "AGE")
WORKER_WIDE = ("CARRIER", "SESSION", "RENEWED")

_COUNTS = ("waiting", "ready", "leased", "completed", "deadLetter")
_LIMITS = ("maxConcurrency", "ratePerSecond", "maxLiveJobs", "perConcurrencyKey")

Table = tuple[Sequence[str], list[Sequence[str]]]


def job_table(jobs: Sequence[JobView], *, wide: bool, now: datetime) -> Table:
    columns = (*JOB_COLUMNS, *JOB_WIDE) if wide else JOB_COLUMNS
    return columns, [(*_job(job, now), *(_job_wide(job) if wide else ())) for job in jobs]


def queue_table(queues: Sequence[QueueView], stats: Mapping[str, Any], *, wide: bool, now: datetime) -> Table:
    """`stats` is the answer of `Client.stats`."""
    counts = {one["queue"]: one for one in stats["queues"]}
    columns = (*QUEUE_COLUMNS, *QUEUE_WIDE) if wide else QUEUE_COLUMNS
    rows: list[Sequence[str]] = []
    for queue in queues:
        told = counts.get(queue.name, {})
        row = (queue.name, queue.state, *(str(told.get(name, 0)) for name in _COUNTS), words.ago(queue.created_at, now))
        rows.append((*row, *(_queue_wide(queue) if wide else ())))
    return columns, rows


def worker_table(workers: Sequence[WorkerView], *, wide: bool, now: datetime) -> Table:
    columns = (*WORKER_COLUMNS, *WORKER_WIDE) if wide else WORKER_COLUMNS
    return columns, [(*_worker(worker, now), *(_worker_wide(worker, now) if wide else ())) for worker in workers]


def _job(job: JobView, now: datetime) -> tuple[str, ...]:
    age = words.ago(job.created_at, now)
    return (
        *(job.shown, job.task, job.queue, words.phase(job)),
        *(words.attempt(job), words.duration(job, now), age),
    )


def _job_wide(job: JobView) -> tuple[str, ...]:
    message = job.message or (f"{job.last_error.type}: {job.last_error.message}" if job.last_error else "")
    return (
        *(job.id, str(job.run), str(job.priority), job.worker or "", job.progress or "", job.reason),
        words.one_line(message),
    )


def _queue_wide(queue: QueueView) -> tuple[str, ...]:
    paused = " ".join(filter(None, (queue.paused_by, queue.paused_reason)))
    return (*(str(queue.limits.get(limit, "")) for limit in _LIMITS), paused)


def _worker(worker: WorkerView, now: datetime) -> tuple[str, ...]:
    busy = f"{worker.held}/{worker.slots}"
    names = (",".join(worker.queues), ",".join(sorted(worker.tasks)))
    return (worker.name, worker.state, busy, *names, words.ago(worker.connected_at, now))


def _worker_wide(worker: WorkerView, now: datetime) -> tuple[str, ...]:
    return (worker.carrier, worker.session, f"{words.ago(worker.renewed_at, now)} ago")
