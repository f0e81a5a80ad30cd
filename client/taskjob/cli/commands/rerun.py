"""`taskjob rerun`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.durations import DURATION

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import JobView


@click.command()
@click.argument("jobs", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Wait until they have ended.")
@click.option("--timeout", type=DURATION, metavar="DURATION", help="Longest wait.")
@with_client
def command(*, client: Client, jobs: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Run finished JOBS or dead letters again: the same jobs, counters from zero, history kept."""
    from taskjob.cli.each import on_each  # noqa: PLC0415
    from taskjob.cli.names import find_jobs  # noqa: PLC0415
    from taskjob.cli.progress import tell_endings, wait_all  # noqa: PLC0415
    from taskjob.cli.workers_known import warn_unless_known  # noqa: PLC0415

    def rerun(job: JobView) -> None:
        click.echo(f"taskjob/{job.shown} run {client.rerun(job.id).run} started")

    taken, code = on_each(find_jobs(client, jobs), rerun)
    warn_unless_known(client, {(job.queue, job.task) for job in taken})
    if not wait or not taken:
        return code
    return max(code, tell_endings(wait_all(client, [job.id for job in taken], timeout_seconds=timeout)))
