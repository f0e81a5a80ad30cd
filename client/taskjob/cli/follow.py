"""Printing a job's log while it grows, across its deliveries."""

from __future__ import annotations

import time

import click

from taskjob.cli.output import coloured, tell
from taskjob.client import Client, requests
from taskjob.client.views import JobView
from taskjob.client.waiting import LOG_POLL_SECONDS
from taskjob.errors import NotFoundError


def follow_log(client: Client, job: str, *, timeout_seconds: float | None = None) -> JobView:
    """Print until the job is finished; each further delivery is announced by a line on stderr.

    Raises `TimeoutError` when the time is over.
    """
    end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    shown: tuple[int, int] | None = None
    after = 0
    while True:
        state = client.get(job)
        current = _delivery(state)
        if current is not None and current != shown:
            _announce(current, first=shown is None)
            shown, after = current, 0
        if shown is not None:
            after = _print_from(client, job, shown, after)
        if state.finished:
            return state
        if end is not None and time.monotonic() >= end:
            raise TimeoutError(f"job {state.shown} is {state.phase} after {timeout_seconds:g} s")
        time.sleep(LOG_POLL_SECONDS)


def print_log(client: Client, job: str, *, run: int | None, delivery: int | None) -> bool:
    """Print what there is; False if nothing is."""
    found = False
    for piece in client.logs(job, run=run, delivery=delivery):
        tell(piece.text, nl=False)
        found = True
    return found


def _delivery(job: JobView) -> tuple[int, int] | None:
    return (job.run, job.deliveries) if job.deliveries else None


def _announce(delivery: tuple[int, int], *, first: bool) -> None:
    run, number = delivery
    if first and number == 1:
        return
    line = f"── delivery {number}" + (f" of run {run}" if run else "") + " ──"
    click.echo(click.style(line, dim=True) if coloured() else line, err=True)


def _print_from(client: Client, job: str, delivery: tuple[int, int], after: int) -> int:
    run, number = delivery
    while True:
        try:
            piece = client.call(requests.logs(job, run=run, delivery=number, after=after))
        except NotFoundError:
            return after
        tell(piece.text, nl=False)
        if piece.following <= after:
            return after
        after = piece.following
