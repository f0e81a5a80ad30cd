"""`kubectl taskjob resume`."""

from __future__ import annotations

import click

from taskjob.cli.plugin.options import cluster_options
from taskjob.cli.plugin.reach import ClusterReach


@click.command()
@click.argument("queue")
@cluster_options
def command(*, reach: ClusterReach, namespace: str, queue: str) -> None:
    """Hand out the jobs of QUEUE again: ends the pause in its spec, and asks the api only where that is not all."""
    from taskjob.cli.plugin.objects import TASKQUEUE, Objects  # noqa: PLC0415

    name = queue.removeprefix("taskqueue/").removeprefix("tq/")
    objects = Objects(reach.kubectl, TASKQUEUE, namespace)
    found = objects.find(name)
    if found is not None and found.get("spec", {}).get("paused"):
        objects.set(name, paused=False)
    else:
        with reach.client(None, None, namespace) as client:
            client.resume(name)
    click.echo(f"taskqueue/{name} resumed")
