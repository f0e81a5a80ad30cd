"""`taskjob cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.durations import DURATION
from taskjob.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import JobView


@click.command()
@click.argument("jobs", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Wait until they have ended.")
@click.option("--timeout", type=DURATION, metavar="DURATION", help="Longest wait.")
@with_client
def command(*, client: Client, jobs: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Cancel JOBS. One that waits ends at once; one that runs is told, and ends when its task has stopped."""
    from taskjob.cli.each import on_each  # noqa: PLC0415
    from taskjob.cli.names import find_jobs  # noqa: PLC0415
    from taskjob.cli.progress import wait_all  # noqa: PLC0415
    from taskjob.model import Phase  # noqa: PLC0415

    def cancel(job: JobView) -> None:
        after = client.cancel(job.id)
        click.echo(f"taskjob/{job.shown} {'cancelled' if after.phase is Phase.CANCELLED else 'cancelling'}")

    taken, code = on_each(find_jobs(client, jobs), cancel)
    if not wait:
        return code
    ended = wait_all(client, [job.id for job in taken], timeout_seconds=timeout)
    for job in ended:
        click.echo(f"taskjob/{job.shown} {job.phase}")
    return code if all(job.phase is Phase.CANCELLED for job in ended) else max(code, ExitCode.JOB_FAILED)
