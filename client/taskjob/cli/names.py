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


def _with_prefix(client: Client, prefix: str) -> list[JobView]:
    """An id begins with its time of birth in milliseconds (12 digits), so a prefix names a span of time."""
    digits = prefix[:12]
    first = int(digits.ljust(12, "0"), 16)
    last = int(digits.ljust(12, "f"), 16)
    slack = timedelta(seconds=60)  # ids are drawn by the api's clock, created_at by the store's
    where = JobQuery(created_after=_moment(first) - slack, created_before=_moment(last) + slack)
    found = []
    for number, job in enumerate(client.jobs(where, page_size=200)):
        if job.id.startswith(prefix):
            found.append(job)
        if number >= _MOST_CANDIDATES:
            raise InvalidError(
                f"too many jobs were made about the time of {prefix!r}", hint="write more of the id, or all of it"
            )
    return found


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError):
        raise NotFoundError("no such job", hint="`taskjob get jobs` lists them") from None


def find_worker(client: Client, typed: str) -> WorkerView:
    """By name (the newest session of that name) or by session id. Raises `NotFoundError`."""
    found = [one for one in client.workers() if typed in {one.name, one.session}]
    if not found:
        raise NotFoundError(f"no worker {typed!r}", hint="`taskjob get workers` lists them")
    return max(found, key=lambda one: str(one.document.get("connectedAt", "")))
