"""`taskjob wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.durations import DURATION
from taskjob.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import JobView

_CONDITIONS = ("completed", "failed", "cancelled", "finished")


@click.command()
@click.argument("jobs", nargs=-1, required=True)
@click.option(
    "--for",
    "condition",
    default="completed",
    show_default=True,
    metavar="CONDITION",
    help="completed, failed, cancelled or finished; also written condition=Completed.",
)
@click.option("--timeout", type=DURATION, default=300.0, show_default="5m", metavar="DURATION", help="Longest wait.")
@with_client
def command(*, client: Client, jobs: tuple[str, ...], condition: str, timeout: float) -> int:
    """Wait until JOBS have reached a condition.

    Exit code 0: all have. 1: one ended in another way, so that it never will. 4: the time is over.
    """
    from taskjob.cli.names import find_jobs  # noqa: PLC0415
    from taskjob.cli.progress import tell_endings, wait_all  # noqa: PLC0415

    wanted = condition.removeprefix("condition=").lower()
    if wanted not in _CONDITIONS:
        raise click.UsageError(f"--for {condition!r} is not one of {', '.join(_CONDITIONS)}")
    ended = wait_all(client, [job.id for job in find_jobs(client, jobs)], timeout_seconds=timeout)
    others = [job for job in ended if not _met(job, wanted)]
    for job in ended:
        if job not in others:
            click.echo(f"taskjob/{job.shown} condition met")
    if others:
        tell_endings(others)
    return ExitCode.JOB_FAILED if others else ExitCode.OK


def _met(job: JobView, wanted: str) -> bool:
    from taskjob.model import Phase  # noqa: PLC0415

    phases = {"completed": Phase.COMPLETED, "failed": Phase.DEAD_LETTER, "cancelled": Phase.CANCELLED}
    return wanted == "finished" or job.phase is phases[wanted]
