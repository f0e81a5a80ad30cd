"""What an owned job still lacks to be what its object says: amendments, reruns and cancels."""

from __future__ import annotations

import asyncio
from typing import Any

from taskjob.model import Job
from taskjob_api.operator_door.declared import WantedJob
from taskjob_engine.engine import Engine
from taskjob_engine.store import Amendment, JobRef, Rerun


class Steps:
    """The calls that bring a batch of jobs to their objects."""

    def __init__(self) -> None:
        self.reruns: list[Rerun] = []
        self.amendments: list[Amendment] = []
        self.cancels: list[JobRef] = []

    def add(self, job: Job, wanted: WantedJob) -> bool:
        """Whether anything is left to do."""
        ref = JobRef(namespace=job.namespace, id=job.id)
        runs_again = job.phase.is_terminal and wanted.rerun > job.run and not wanted.cancel
        if runs_again:
            self.reruns.append(Rerun(ref=ref, request_id=f"{wanted.owner.uid}/{wanted.rerun}"))
        change = _differences(job, wanted, runs_again=runs_again)
        if change:
            self.amendments.append(Amendment(ref=ref, **change))
        cancels = wanted.cancel and not job.phase.is_terminal and job.cancel_requested_at is None
        if cancels:
            self.cancels.append(ref)
        return runs_again or bool(change) or cancels

    async def take(self, engine: Engine) -> None:
        """One call a verb, all of them in one turn of the loop: they take effect in this order and share a flush, so
        that nothing leases a job between its rerun and its suspend."""
        calls: list[Any] = []
        if self.reruns:
            calls.append(engine.rerun(self.reruns))
        if self.amendments:
            calls.append(engine.amend(self.amendments))
        if self.cancels:
            calls.append(engine.cancel(self.cancels))
        await asyncio.gather(*calls)


def _differences(job: Job, wanted: WantedJob, *, runs_again: bool) -> dict[str, Any]:
    """Fields of an `Amendment`. Retention that the object leaves out was its queue's to choose, at submit."""
    submission = wanted.submission
    change: dict[str, Any] = {}
    if not job.phase.is_terminal or runs_again:
        if submission.priority != job.priority:
            change["priority"] = submission.priority
        # A rerun begins unsuspended.
        if submission.suspend != (job.suspend and not runs_again):
            change["suspend"] = submission.suspend
    for name in ("ttl_seconds_after_finished", "ttl_seconds_after_failed"):
        chosen = getattr(submission, name)
        if chosen is not None and chosen != getattr(job, name):
            change[name] = chosen
    if job.owner != wanted.owner:
        change["owner"] = wanted.owner
    return change
