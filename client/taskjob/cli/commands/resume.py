"""`taskjob resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@click.argument("queue")
@with_client
def command(*, client: Client, queue: str) -> None:
    """Hand out the jobs of QUEUE again after `taskjob pause`."""
    after = client.resume(queue.removeprefix("taskqueue/"))
    click.echo(f"taskqueue/{after.name} resumed")
    if after.paused:
        click.echo("it stays paused by its document: apply one without `paused: true`", err=True)
