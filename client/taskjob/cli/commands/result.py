"""`taskjob result`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from taskjob.client import Client


@click.command(epilog="\b\ntaskjob result resize-cats > result.json")
@click.argument("job")
@with_client
def command(*, client: Client, job: str) -> int:
    """Print what JOB's task returned: JSON, whole, however large.

    JOB is an id, the beginning of one (8 digits or more), or a name. Exit code 1: it ended without completing.
    6: it has not ended yet.
    """
    from taskjob.cli.names import find_job  # noqa: PLC0415
    from taskjob.cli.output import print_json  # noqa: PLC0415
    from taskjob.cli.progress import tell_endings  # noqa: PLC0415
    from taskjob.errors import ConflictError  # noqa: PLC0415
    from taskjob.model import Phase  # noqa: PLC0415

    found = find_job(client, job)
    if not found.finished:
        raise ConflictError(
            f"the job {found.shown} is {found.phase}, it has no result yet", hint=f"taskjob wait {found.shown}"
        )
    if found.phase is not Phase.COMPLETED:
        return tell_endings([found])
    print_json(client.result(found.id))
    return ExitCode.OK
