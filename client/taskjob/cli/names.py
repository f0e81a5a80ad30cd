"""From what a person typed to one job: its id, the beginning of it, or its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from taskjob.client import Client, JobQuery
from taskjob.client.views import JobView, WorkerView
from taskjob.errors import InvalidError, NotFoundError
from taskjob.model import is_identifier

SHORTEST_PREFIX = 8
_HEX = re.compile(r"[0-9a-f]+\Z")
_MOST_CANDIDATES = 5000
_NO_JOB_IS_BORN_IN = 2255
"""Times end there (`taskjob.spec.times`)."""


def find_job(client: Client, typed: str) -> JobView:
    """Raises `NotFoundError`, and `InvalidError` where more than one job is meant."""
    text = typed.removeprefix("taskjob/").strip().lower()
    if is_identifier(text):
        return client.get(text)
    found = list(islice(client.jobs(JobQuery(name=text)), 6))
    if not found and len(text) >= SHORTEST_PREFIX and _HEX.match(text):
        found = _with_prefix(client, text)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(job.id for job in found[:5]) + (", …" if len(found) > 5 else "")
        raise InvalidError(f"{typed!r} means {len(found)} jobs", hint=f"name one by its id: {ids}")
    raise NotFoundError(
        f"no job {typed!r} in namespace {client.target.namespace!r}",
        hint=f"`taskjob get jobs` lists them; an id may be shortened to {SHORTEST_PREFIX} digits or more",
    )


def find_jobs(client: Client, typed: Sequence[str]) -> list[JobView]:
    return [find_job(client, one) for one in typed]


def born_at(prefix: str) -> datetime:
    """An id begins with its time of birth in milliseconds (12 digits): the earliest that a prefix can mean."""
    return datetime.fromtimestamp(int(prefix[:12].ljust(12, "0"), 16) / 1000, UTC)


def _with_prefix(client: Client, prefix: str) -> list[JobView]:
    slack = timedelta(seconds=60)  # ids are drawn by the api's clock, created_at by the store's
    try:
        where = JobQuery(
            created_after=born_at(prefix) - slack, created_before=born_at(prefix[:12].ljust(12, "f")) + slack
        )
    except (OverflowError, ValueError):
        return []  # no time that a calendar knows
    if born_at(prefix).year >= _NO_JOB_IS_BORN_IN:
        return []
    found = []
    for number, job in enumerate(client.jobs(where, page_size=200)):
        if job.id.startswith(prefix):
            found.append(job)
        if number >= _MOST_CANDIDATES:
            raise InvalidError(
                f"too many jobs were made about the time of {prefix!r}", hint="write more of the id, or all of it"
            )
    return found


def find_worker(client: Client, typed: str) -> WorkerView:
    """By name (the newest session of that name) or by session id. Raises `NotFoundError`."""
    found = [one for one in client.workers() if typed in {one.name, one.session}]
    if not found:
        raise NotFoundError(f"no worker {typed!r}", hint="`taskjob get workers` lists them")
    return max(found, key=lambda one: str(one.document.get("connectedAt", "")))
