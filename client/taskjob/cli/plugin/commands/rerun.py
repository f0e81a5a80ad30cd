"""`kubectl taskjob rerun`."""

from __future__ import annotations

import click

from taskjob.cli.plugin.options import cluster_options
from taskjob.cli.plugin.reach import ClusterReach


@click.command()
@click.argument("jobs", nargs=-1, required=True)
@cluster_options
def command(*, reach: ClusterReach, namespace: str, jobs: tuple[str, ...]) -> None:
    """Run finished JOBS again: TaskJobs by name, by counting up their spec.rerun, or any job of the api by its id."""
    from taskjob.cli.names import find_job  # noqa: PLC0415
    from taskjob.cli.plugin.objects import TASKJOB, Objects  # noqa: PLC0415

    objects = Objects(reach.kubectl, TASKJOB, namespace)
    others = []
    for name in (job.removeprefix("taskjob/").removeprefix("tj/") for job in jobs):
        if objects.find(name) is None:
            others.append(name)
        else:
            click.echo(f"taskjob/{name} rerun {objects.count_up(name, 'rerun')} asked for")
    if others:
        with reach.client(None, None, namespace) as client:
            for name in others:
                job = find_job(client, name)
                click.echo(f"taskjob/{job.shown} run {client.rerun(job.id).run} started")
