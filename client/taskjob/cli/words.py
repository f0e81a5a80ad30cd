"""Numbers and times as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from taskjob.client.views import JobView
from taskjob.model import Phase
from taskjob.model.spans import span


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago, as kubectl writes it; empty for no moment."""
    if moment is None:
        return ""
    return span(((now or datetime.now(UTC)) - moment).total_seconds())


def phase(job: JobView) -> str:
    return job.phase.pascal


def status(job: JobView) -> str:
    """The phase, with the reason where it says more."""
    return phase(job) if job.reason in {"", phase(job)} else f"{phase(job)} ({job.reason})"


def attempt(job: JobView) -> str:
    """`2/5`: attempts charged so far, and the one that runs."""
    running = 1 if job.phase in {Phase.ASSIGNED, Phase.RUNNING} else 0
    return f"{min(job.attempts + running, job.max_attempts)}/{job.max_attempts}"


def duration(job: JobView, now: datetime | None = None) -> str:
    """Of the last attempt: until it finished, or until now."""
    if job.started_at is None:
        return ""
    return ago(job.started_at, job.finished_at or now)


def moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def one_line(text: str, limit: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
