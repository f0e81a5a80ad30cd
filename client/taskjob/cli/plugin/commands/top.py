"""`kubectl taskjob top`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@with_client
def command(*, client: Client) -> None:
    """Show the namespace's queues with what waits and runs, and its workers with what they hold."""
    from taskjob.cli import tables  # noqa: PLC0415
    from taskjob.cli.output import print_table  # noqa: PLC0415

    now = datetime.now(UTC)
    print_table(*tables.queue_table(client.queues(), client.stats(), wide=False, now=now))
    workers = client.workers()
    if workers:
        click.echo()
        print_table(*tables.worker_table(workers, wide=False, now=now))
