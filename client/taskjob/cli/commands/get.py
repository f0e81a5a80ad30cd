"""`taskjob get`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from taskjob.cli.connection import with_client
from taskjob.cli.filters import job_filters, job_query
from taskjob.cli.kinds import KIND

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import JobView, QueueView, WorkerView

WATCH_SECONDS = 1.0


@click.command()
@click.argument("kind", type=KIND)
@click.argument("names", nargs=-1)
@click.option(
    "-o", "--output", type=click.Choice(("table", "wide", "json", "yaml", "name")), default="table", help="Form."
)
@click.option("-w", "--watch", is_flag=True, help="Print changes until Ctrl-C.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most jobs to list.")
@click.option("--no-headers", is_flag=True, help="Leave the heading of a table out.")
@job_filters
@with_client
def command(  # noqa: D417
    *,
    client: Client,
    kind: str,
    names: tuple[str, ...],
    output: str,
    watch: bool,
    limit: int,
    no_headers: bool,
    **filters: Any,
) -> None:
    """List jobs, queues or workers; or those that are named.

    \b
    taskjob get jobs --phase dead_letter -l team=media
    taskjob get job resize-cats -o yaml
    taskjob get queues -o wide
    """
    fetch = _fetcher(client, kind, names, limit, filters)
    items = fetch()
    _print(kind, items, output, headers=not no_headers)
    if len(items) == limit and kind == "jobs" and not names:
        click.echo(f"the newest {limit} are shown; more with --limit", err=True)
    seen = {_identity(item): item.document for item in items}
    while watch:
        time.sleep(WATCH_SECONDS)
        items = fetch()
        changed = [item for item in items if seen.get(_identity(item)) != item.document]
        seen = {_identity(item): item.document for item in items}
        if changed:
            _print(kind, changed, output, headers=False)


def _fetcher(
    client: Client, kind: str, names: tuple[str, ...], limit: int, filters: dict[str, Any]
) -> Callable[[], Sequence[Any]]:
    from taskjob.cli.names import find_jobs, find_worker  # noqa: PLC0415

    if kind == "queues":
        return lambda: [client.queue(name) for name in names] if names else client.queues()
    if kind == "workers":
        return lambda: [find_worker(client, name) for name in names] if names else client.workers()
    if names:
        return lambda: find_jobs(client, names)
    where = job_query(**filters)
    return lambda: list(islice(client.jobs(where, page_size=min(limit, 200)), limit))


def _identity(item: Any) -> str:
    return str(item.document.get("id") or item.document.get("session") or item.document.get("name"))


def _print(kind: str, items: Sequence[Any], output: str, *, headers: bool) -> None:
    from taskjob.cli import output as out  # noqa: PLC0415

    if output == "json":
        out.print_json([item.document for item in items])
    elif output == "yaml":
        out.print_yaml([_object(kind, item) for item in items])
    elif output == "name":
        for item in items:
            click.echo(_name(kind, item))
    elif not items and headers:
        click.echo(f"no {kind} found", err=True)
    else:
        columns, row = _TABLES[kind]
        wide = output == "wide"
        now = datetime.now(UTC)
        out.print_table(columns(wide), [row(item, wide, now) for item in items], headers=headers)


def _object(kind: str, item: Any) -> Any:
    from taskjob.cli.manifest import job_object, queue_object  # noqa: PLC0415

    return {"jobs": job_object, "queues": queue_object}.get(kind, lambda worker: worker.document)(item)


def _name(kind: str, item: Any) -> str:
    prefix = {"jobs": "taskjob", "queues": "taskqueue"}.get(kind, "worker")
    return f"{prefix}/{item.shown if kind == 'jobs' else item.name}"


def _job_columns(wide: bool) -> list[str]:
    columns = ["JOB", "TASK", "QUEUE", "STATUS", "ATTEMPT", "DURATION", "AGE"]
    return columns + (["ID", "RUN", "PRIORITY", "WORKER", "PROGRESS", "REASON", "MESSAGE"] if wide else [])


def _job_row(job: JobView, wide: bool, now: datetime) -> list[str]:
    from taskjob.cli import words  # noqa: PLC0415

    row = [job.shown, job.task, job.queue, words.phase(job), words.attempt(job), words.duration(job, now)]
    row.append(words.ago(job.created_at, now))
    if wide:
        error = job.last_error
        message = job.message or (f"{error.type}: {error.message}" if error else "")
        row += [job.id, str(job.run), str(job.priority), job.worker or "", job.progress or "", job.reason]
        row.append(words.one_line(message))
    return row


def _queue_columns(wide: bool) -> list[str]:
    return ["QUEUE", "STATE", "AGE"] + (["CONCURRENCY", "RATE", "LIVE", "PER-KEY", "REASON"] if wide else [])


def _queue_row(queue: QueueView, wide: bool, now: datetime) -> list[str]:
    from taskjob.cli import words  # noqa: PLC0415

    row = [queue.name, queue.state, words.ago(queue.created_at, now)]
    if wide:
        limits = ("maxConcurrency", "ratePerSecond", "maxLiveJobs", "perConcurrencyKey")
        row += [str(queue.limits.get(limit, "")) for limit in limits]
        row.append(" ".join(filter(None, (queue.paused_by, queue.paused_reason))))
    return row


def _worker_columns(wide: bool) -> list[str]:
    columns = ["WORKER", "STATE", "BUSY", "QUEUES", "TASKS", "AGE"]
    return columns + (["CARRIER", "SESSION", "RENEWED"] if wide else [])


def _worker_row(worker: WorkerView, wide: bool, now: datetime) -> list[str]:
    from taskjob.cli import words  # noqa: PLC0415

    row = [worker.name, worker.state, f"{worker.held}/{worker.slots}", ",".join(worker.queues)]
    row += [",".join(worker.tasks), words.ago(worker.connected_at, now)]
    if wide:
        row += [worker.carrier, worker.session, f"{words.ago(worker.renewed_at, now)} ago"]
    return row


_TABLES: dict[str, tuple[Callable[[bool], list[str]], Callable[[Any, bool, datetime], list[str]]]] = {
    "jobs": (_job_columns, _job_row),
    "queues": (_queue_columns, _queue_row),
    "workers": (_worker_columns, _worker_row),
}
