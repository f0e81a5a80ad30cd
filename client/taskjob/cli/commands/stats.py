"""`taskjob stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client

if TYPE_CHECKING:
    from taskjob.client import Client

_COUNTS = ("waiting", "ready", "leased", "completed", "deadLetter", "cancelled", "purged", "accepted")


@click.command()
@click.option("-o", "--output", type=click.Choice(("table", "json")), default="table", help="Form.")
@with_client
def command(*, client: Client, output: str) -> None:
    """Count jobs by queue and state, in one snapshot.

    accepted = completed + dead letters + cancelled + purged + live (waiting, ready, leased), at every moment.
    """
    from taskjob.cli.output import print_json, print_table, warn  # noqa: PLC0415

    stats = client.stats()
    if output == "json":
        print_json(stats)
        return
    rows = [[queue["queue"], *(str(queue[count]) for count in _COUNTS)] for queue in stats["queues"]]
    if len(rows) > 1:
        rows.append(["(all)", *(str(sum(queue[count] for queue in stats["queues"])) for count in _COUNTS)])
    columns = ["QUEUE", "WAITING", "READY", "LEASED", "COMPLETED", "DEAD", "CANCELLED", "PURGED", "ACCEPTED"]
    print_table(columns, rows)
    if not stats["conserved"]:
        warn("the counts do not add up: please report this, with the server's log")
