"""`taskjob logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends, across its deliveries.")
@click.option("--delivery", type=click.IntRange(1), metavar="NUMBER", help="Of this delivery; else of the last.")
@click.option("--run", type=click.IntRange(0), metavar="NUMBER", help="Of this run; else of the last.")
@with_client
def command(*, client: Client, job: str, follow: bool, delivery: int | None, run: int | None) -> None:
    """Print what the task wrote. JOB is an id, the beginning of one (8 digits or more), or a name.

    Deliveries are numbered within their run, as `taskjob describe job` shows; not every one is charged as an attempt.
    """
    from taskjob.cli.follow import follow_log, print_log  # noqa: PLC0415
    from taskjob.cli.names import find_job  # noqa: PLC0415

    if follow and (delivery or run is not None):
        raise click.UsageError("--follow shows the deliveries as they come; leave --delivery and --run out")
    found = find_job(client, job)
    if follow:
        follow_log(client, found.id)
    elif not print_log(client, found.id, run=run, delivery=delivery):
        click.echo("this delivery wrote nothing" if found.deliveries else "not started yet: no log", err=True)
