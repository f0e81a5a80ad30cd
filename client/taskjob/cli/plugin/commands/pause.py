"""`kubectl taskjob pause`."""

from __future__ import annotations

from datetime import datetime

import click

from taskjob.cli.durations import MOMENT
from taskjob.cli.plugin.options import cluster_options
from taskjob.cli.plugin.reach import ClusterReach


@click.command()
@click.argument("queue")
@click.option("--reason", metavar="TEXT", help="Shown to whoever asks why nothing runs. By the api.")
@click.option("--until", type=MOMENT, metavar="TIME", help="Resume by itself: 30m from now, or a time. By the api.")
@cluster_options
def command(*, reach: ClusterReach, namespace: str, queue: str, reason: str | None, until: datetime | None) -> None:
    """Hand out no more jobs of QUEUE. What runs goes on; what is submitted waits.

    The pause stands in the TaskQueue's spec; with a reason or an end, or without a TaskQueue, the api keeps it.
    """
    from taskjob.cli.plugin.objects import TASKQUEUE, Objects  # noqa: PLC0415

    name = queue.removeprefix("taskqueue/").removeprefix("tq/")
    objects = Objects(reach.kubectl, TASKQUEUE, namespace)
    if reason is None and until is None and objects.find(name) is not None:
        objects.set(name, paused=True)
    else:
        with reach.client(None, None, namespace) as client:
            client.pause(name, reason=reason, until=until)
    click.echo(f"taskqueue/{name} paused")
