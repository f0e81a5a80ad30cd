"""Which of two looks at a job is the later one: by (incarnation, run, revision).

Incarnations have no order of their own. The one that the api last told is the current one; a reply that was asked for
before that was learned, and tells another, is old.
"""

from __future__ import annotations

from typing import Protocol

from taskjob.model import Job
from taskjob_operator.status.document import TERMINAL


class Said(Protocol):
    """What an object says, or will say."""

    @property
    def phase(self) -> str: ...
    @property
    def incarnation(self) -> str: ...
    @property
    def run(self) -> int: ...
    @property
    def revision(self) -> int: ...
    @property
    def job_id(self) -> str | None: ...


class Incarnations:
    """The store's life as this process knows it. Times are of one monotonic clock."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._learned_at = 0.0

    def admit(self, told: str, *, asked_at: float, now: float) -> bool:
        """Whether a reply may be used. It is current, or makes itself so."""
        if told == self.current:
            return True
        if self.current is not None and asked_at < self._learned_at:
            return False
        self.current = told
        self._learned_at = now
        return True


def is_older(job: Job, incarnation: str, *, than: Said) -> bool:
    """Whether `job` is behind what is said of it. An outcome is final within its run, also when the store has lost it
    and runs the job once more."""
    if than.phase in TERMINAL and than.job_id is not None and job.run <= than.run and job.phase.pascal != than.phase:
        return True
    return incarnation == than.incarnation and (job.run, job.revision) < (than.run, than.revision)
