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
    from taskjob.cli.tables import Table
    from taskjob.client import Client

WATCH_SECONDS = 1.0


@click.command(
    epilog="\b\n"
    "taskjob get jobs --phase dead_letter -l team=media\n"
    "taskjob get job resize-cats -o yaml\n"
    "taskjob get queues -o wide"
)
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
def command(
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
    """List jobs, queues or workers; or those that are named."""
    fetch = _fetcher(client, kind, names, limit, filters)
    items = fetch()
    _print(client, kind, items, output, headers=not no_headers)
    if len(items) == limit and kind == "jobs" and not names:
        click.echo(f"the newest {limit} are shown; more with --limit", err=True)
    seen = {_identity(item): item.document for item in items}
    while watch:
        time.sleep(WATCH_SECONDS)
        items = fetch()
        changed = [item for item in items if seen.get(_identity(item)) != item.document]
        seen = {_identity(item): item.document for item in items}
        if changed:
            _print(client, kind, changed, output, headers=False)


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


def _print(client: Client, kind: str, items: Sequence[Any], output: str, *, headers: bool) -> None:
    from taskjob.cli.output import print_json, print_table, print_yaml, tell  # noqa: PLC0415

    if output == "json":
        print_json([item.document for item in items])
    elif output == "yaml":
        print_yaml([_object(kind, item) for item in items])
    elif output == "name":
        for item in items:
            tell(_name(kind, item))
    elif not items and headers:
        click.echo(f"no {kind} found", err=True)
    else:
        columns, rows = _table(client, kind, items, wide=output == "wide")
        print_table(columns, rows, headers=headers)


def _table(client: Client, kind: str, items: Sequence[Any], *, wide: bool) -> Table:
    from taskjob.cli import tables  # noqa: PLC0415

    now = datetime.now(UTC)
    if kind == "queues":
        return tables.queue_table(items, client.stats(), wide=wide, now=now)
    return (tables.job_table if kind == "jobs" else tables.worker_table)(items, wide=wide, now=now)


def _object(kind: str, item: Any) -> Any:
    from taskjob.cli.manifest import job_object, queue_object  # noqa: PLC0415

    if kind == "workers":
        return item.document
    return job_object(item) if kind == "jobs" else queue_object(item)


def _name(kind: str, item: Any) -> str:
    prefix = {"jobs": "taskjob", "queues": "taskqueue"}.get(kind, "worker")
    return f"{prefix}/{item.shown if kind == 'jobs' else item.name}"
