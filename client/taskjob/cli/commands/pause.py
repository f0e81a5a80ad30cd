"""`taskjob pause`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.durations import MOMENT

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@click.argument("queue")
@click.option("--reason", metavar="TEXT", help="Shown to whoever asks why nothing runs.")
@click.option("--until", type=MOMENT, metavar="TIME", help="Resume by itself: 30m from now, or an RFC 3339 time.")
@with_client
def command(*, client: Client, queue: str, reason: str | None, until: datetime | None) -> None:
    """Hand out no more jobs of QUEUE. What runs goes on; what is submitted waits."""
    client.pause(queue.removeprefix("taskqueue/"), reason=reason, until=until)
    click.echo(f"taskqueue/{queue.removeprefix('taskqueue/')} paused")
