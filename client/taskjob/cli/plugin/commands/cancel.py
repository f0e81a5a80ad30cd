"""`kubectl taskjob cancel`."""

from __future__ import annotations

import click

from taskjob.cli.durations import DURATION
from taskjob.cli.plugin.options import cluster_options
from taskjob.cli.plugin.reach import ClusterReach


@click.command()
@click.argument("jobs", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Wait until they have ended.")
@click.option("--timeout", type=DURATION, metavar="DURATION", help="Longest wait.")
@cluster_options
def command(*, reach: ClusterReach, namespace: str, jobs: tuple[str, ...], wait: bool, timeout: float | None) -> None:
    """Cancel JOBS: TaskJobs by name, or any job of the api by its id.

    A TaskJob is cancelled in its spec, which needs no right but that to patch it.
    """
    from taskjob.cli.names import find_job  # noqa: PLC0415
    from taskjob.cli.plugin.objects import TASKJOB, Objects  # noqa: PLC0415
    from taskjob.cli.progress import wait_all  # noqa: PLC0415

    objects = Objects(reach.kubectl, TASKJOB, namespace)
    names = [job.removeprefix("taskjob/").removeprefix("tj/") for job in jobs]
    known = [name for name in names if objects.find(name) is not None]
    for name in known:
        objects.set(name, cancel=True)
        click.echo(f"taskjob/{name} cancelling")
    if others := [name for name in names if name not in known]:
        with reach.client(None, None, namespace) as client:
            found = [find_job(client, name) for name in others]
            for job in found:
                client.cancel(job.id)
                click.echo(f"taskjob/{job.shown} cancelling")
            for job in wait_all(client, [job.id for job in found], timeout_seconds=timeout) if wait else ():
                click.echo(f"taskjob/{job.shown} {job.phase}")
    for name in known if wait else ():
        objects.wait(name, "Finished", timeout)
        click.echo(f"taskjob/{name} finished")
