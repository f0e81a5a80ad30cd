"""Which of two looks at a job is the later one: by (incarnation, run, revision).

Incarnations have no order of their own. The one that the api last told is the current one; a reply that was asked for
before that was learned, and tells another, is old.
"""

from __future__ import annotations

from taskjob.model import Job


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


def is_older(job: Job, incarnation: str, *, than: tuple[str, int, int]) -> bool:
    """Whether (run, revision) of `job` are behind what is written, within one incarnation."""
    written, run, revision = than
    return incarnation == written and (job.run, job.revision) < (run, revision)
