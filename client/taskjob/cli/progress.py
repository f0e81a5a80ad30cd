"""Waiting for jobs in front of a person: a bar on a terminal, else a line every five seconds. On stderr."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice

import click

from taskjob.cli.exit_codes import ExitCode
from taskjob.cli.names import born_at
from taskjob.cli.output import coloured, is_terminal, note
from taskjob.client import Client, JobFailedError, JobQuery
from taskjob.client.views import JobView
from taskjob.model import Phase

PLAIN_SECONDS = 5.0
SWEEP_SECONDS = 1.0
MANY = 20
_SHOWN_FAILURES = 20


Step = Callable[[int], None]
"""Told how many jobs have finished; again and again, also where none has."""


def wait_all(client: Client, jobs: Sequence[str], *, timeout_seconds: float | None) -> list[JobView]:
    """All of them, finished, in order. Raises `TimeoutError` when the time for all together is over."""
    end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    found: dict[str, JobView] = {}
    with _progress(len(jobs)) as step:
        if len(jobs) > MANY:
            _sweep_until_few(client, jobs, found, end, step)
        for job in jobs:
            if job not in found:
                left = None if end is None else max(0.0, end - time.monotonic())
                found[job] = _wait_stepping(client, job, left, lambda: step(len(found)))
                step(len(found))
    return [found[job] for job in jobs]


def _sweep_until_few(
    client: Client, jobs: Sequence[str], found: dict[str, JobView], end: float | None, step: Step
) -> None:
    """Find the finished by lists of their time rather than one by one; the last few are left to the caller."""
    since = born_at(min(jobs)) - timedelta(seconds=60)
    where = JobQuery(created_after=since, phases=tuple(phase for phase in Phase if phase.is_terminal))
    most = 5 * len(jobs) + 1000  # where strangers' jobs are many, lists do not help
    while True:
        waiting = set(jobs) - found.keys()
        found |= {job.id: job for job in islice(client.jobs(where, page_size=200), most) if job.id in waiting}
        step(len(found))
        if len(set(jobs) - found.keys()) <= MANY or (end is not None and time.monotonic() > end):
            return
        time.sleep(SWEEP_SECONDS)


def tell_endings(jobs: Sequence[JobView]) -> ExitCode:
    """A line of counts, and one for each job that did not complete."""
    counts = Counter(job.phase for job in jobs)
    told = ", ".join(f"{counts[phase]} {phase.pascal}" for phase in Phase if counts[phase])
    click.echo(f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}: {told}", err=True)
    failed = [job for job in jobs if job.phase is not Phase.COMPLETED]
    for job in failed[:_SHOWN_FAILURES]:
        note(f"  {JobFailedError(job).detail}")
    if len(failed) > _SHOWN_FAILURES:
        click.echo(f"  … and {len(failed) - _SHOWN_FAILURES} more: taskjob dlq list", err=True)
    return ExitCode.JOB_FAILED if failed else ExitCode.OK


def _wait_stepping(client: Client, job: str, left: float | None, tick: Callable[[], None]) -> JobView:
    """As `Client.wait`, in steps of at most the plain interval, so that time is seen to pass."""
    while True:
        step = PLAIN_SECONDS if left is None else min(PLAIN_SECONDS, left)
        try:
            return client.wait(job, timeout_seconds=step)
        except TimeoutError:
            if left is not None:
                left -= step
                if left <= 0:
                    raise
            tick()


@contextmanager
def _progress(total: int) -> Iterator[Step]:
    if not is_terminal(sys.stderr):
        yield _plain(total)
        return
    from rich.console import Console  # noqa: PLC0415 - only for a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("waiting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True, no_color=not coloured(sys.stderr))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("jobs", total=total)
        yield lambda finished: bar.update(task, completed=finished)


def _plain(total: int) -> Step:
    last = time.monotonic()

    def step(finished: int) -> None:
        nonlocal last
        if finished < total and time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            click.echo(f"{finished}/{total} jobs finished", err=True)

    return step
