"""`taskjob apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.durations import DURATION
from taskjob.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command()
@click.option("-f", "--filename", "names", multiple=True, required=True, metavar="FILE|DIR|-", help="Repeatable.")
@click.option("--wait", is_flag=True, help="Wait until all jobs have ended.")
@click.option("--timeout", type=DURATION, metavar="DURATION", help="Longest wait.")
@with_client
def command(*, client: Client, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Create or change what TaskJob and TaskQueue documents describe.

    A job that is applied again by the same name is the same job: what is mutable (priority, suspend, cancel,
    rerun, ttlSeconds…) is changed, anything else is refused. Nothing is sent unless all documents are valid.
    """
    from taskjob.cli.app import report_error  # noqa: PLC0415
    from taskjob.cli.applying import apply_all  # noqa: PLC0415
    from taskjob.cli.documents import read_sources  # noqa: PLC0415
    from taskjob.cli.output import note, tell  # noqa: PLC0415
    from taskjob.cli.progress import tell_endings, wait_all  # noqa: PLC0415
    from taskjob.cli.workers_known import warn_unless_known  # noqa: PLC0415

    worst = ExitCode.OK
    jobs, served = [], set()
    for applied in apply_all(client, read_sources(names)):
        if applied.error is not None:
            note(f"{applied.shown} ({applied.source.where})")
            worst = report_error(applied.error)
            continue
        tell(f"{applied.shown} {applied.outcome}")
        if applied.job is not None:
            jobs.append(applied.job)
        if applied.served is not None:
            served.add(applied.served)
    warn_unless_known(client, served)
    if wait and jobs:
        return max(worst, tell_endings(wait_all(client, jobs, timeout_seconds=timeout)))
    return worst
