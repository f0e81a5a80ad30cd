"""One verb on many jobs: a job that refuses is told and does not keep the others from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from taskjob.cli.app import report_error
from taskjob.cli.exit_codes import ExitCode
from taskjob.client.views import JobView
from taskjob.errors import ConflictError, NotFoundError


def on_each(jobs: Iterable[JobView], act: Callable[[JobView], None]) -> tuple[list[JobView], ExitCode]:
    """The jobs that took it, and the exit code of those that did not."""
    done, worst = [], ExitCode.OK
    for job in jobs:
        try:
            act(job)
        except (ConflictError, NotFoundError) as error:
            worst = max(worst, report_error(error))
        else:
            done.append(job)
    return done, worst
