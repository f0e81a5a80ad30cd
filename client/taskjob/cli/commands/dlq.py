"""`taskjob dlq`."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from taskjob.cli.connection import with_client
from taskjob.cli.exit_codes import ExitCode
from taskjob.cli.filters import job_query

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import JobView

_FILTERS = (
    click.option("--queue", metavar="QUEUE", help="In this queue."),
    click.option("--task", metavar="TASK", help="Of this task."),
    click.option("-l", "--label", "labels", multiple=True, metavar="KEY=VALUE", help="With this label; repeatable."),
)


def _filtered(function: Any) -> Any:
    for option in reversed(_FILTERS):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """List, rerun or purge dead letters: jobs that have spent their attempts."""


@command.command("list")
@_filtered
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Most jobs to list.")
@with_client
def list_(*, client: Client, limit: int, **filters: Any) -> None:
    """List dead letters with their last error, newest first."""
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.output import print_table  # noqa: PLC0415

    jobs = list(islice(client.jobs(_dead(filters), page_size=min(limit, 200)), limit))
    if not jobs:
        click.echo("no dead letters", err=True)
        return
    now = datetime.now(UTC)
    rows = [
        [
            job.shown,
            job.task,
            job.queue,
            job.reason,
            words.attempt(job),
            words.ago(job.finished_at, now),
            words.one_line(f"{job.last_error.type}: {job.last_error.message}" if job.last_error else ""),
        ]
        for job in jobs
    ]
    print_table(["JOB", "TASK", "QUEUE", "REASON", "ATTEMPTS", "DIED", "ERROR"], rows)


@command.command()
@click.argument("names", nargs=-1, metavar="[JOB]...")
@_filtered
@click.option("--all", "everything", is_flag=True, help="All dead letters of the namespace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_client
def rerun(*, client: Client, names: tuple[str, ...], everything: bool, yes: bool, **filters: Any) -> int:
    """Run dead letters again: the JOBS named, those that match the filters, or --all."""
    if not names:
        return _act(client, "rerun", "run again", everything=everything, yes=yes, filters=filters)
    if everything or any(filters.values()):
        raise click.UsageError("give names or filters, not both")
    return _rerun_named(client, names)


@command.command()
@_filtered
@click.option("--all", "everything", is_flag=True, help="All dead letters of the namespace.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_client
def purge(*, client: Client, everything: bool, yes: bool, **filters: Any) -> int:
    """Delete dead letters for good: those that match the filters, or --all."""
    return _act(client, "purge", "deleted", everything=everything, yes=yes, filters=filters)


def _act(client: Client, action: str, told: str, *, everything: bool, yes: bool, filters: dict[str, Any]) -> int:
    if any(filters.values()) == everything:
        raise click.UsageError(f"say which: filters, or --all to {action} every dead letter")
    preview = client.preview_bulk(action, _dead(filters))
    if not preview.matched or preview.token is None:
        click.echo("no dead letters match", err=True)
        return ExitCode.OK
    count = f"{'more than ' if preview.at_least else ''}{preview.matched}"
    if not yes:
        click.confirm(f"{action} {count} dead letters in {client.target.namespace!r}?", abort=True, err=True)
    done = client.run_bulk(preview.token)
    click.echo(f"{done.changed} {told}" + (f", {done.skipped} had changed meanwhile" if done.skipped else ""))
    return ExitCode.OK


def _rerun_named(client: Client, names: tuple[str, ...]) -> int:
    from taskjob.cli.each import on_each  # noqa: PLC0415
    from taskjob.cli.names import find_jobs  # noqa: PLC0415
    from taskjob.errors import ConflictError  # noqa: PLC0415
    from taskjob.model import Phase  # noqa: PLC0415

    def rerun(job: JobView) -> None:
        if job.phase is not Phase.DEAD_LETTER:
            raise ConflictError(f"{job.shown} is {job.phase}, no dead letter", hint="taskjob rerun")
        click.echo(f"taskjob/{job.shown} run {client.rerun(job.id).run} started")

    return on_each(find_jobs(client, names), rerun)[1]


def _dead(filters: dict[str, Any]) -> Any:
    return job_query(**filters, phases=("dead_letter",))
