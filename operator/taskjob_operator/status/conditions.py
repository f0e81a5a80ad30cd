"""The conditions: what `kubectl wait`, kstatus, Argo CD and Flux look at.

`Reconciling` holds until the job has finished, `Stalled` where it failed or was refused; these two are kstatus's. When
a condition last changed is taken from the job's own times, so that a status can be built again and stay the same.
"""

from __future__ import annotations

from taskjob.model import Job, Micros, Phase, format_time
from taskjob_operator.status.document import Condition


class Conditions:
    """Collects conditions of one generation."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._all: list[Condition] = []

    def add(self, kind: str, reason: str, message: str, at: Micros, *, holds: bool | None) -> None:
        self._all.append(
            Condition(
                type=kind,
                status="Unknown" if holds is None else str(holds),
                observed_generation=self._generation,
                reason=reason,
                message=message,
                last_transition_time=format_time(at),
            )
        )

    def all(self) -> tuple[Condition, ...]:
        return tuple(self._all)


def conditions_of(job: Job, message: str, *, generation: int, mirrored: bool, now: Micros) -> tuple[Condition, ...]:
    """Of a job that the engine has."""
    said = Conditions(generation)
    if mirrored:
        said.add(
            "Accepted", "Mirrored", f"shows job {job.id}, which has the same idempotencyKey", job.created_at, holds=True
        )
    else:
        said.add("Accepted", "Durable", "", job.created_at, holds=True)
    if job.phase.is_terminal:
        _finished(said, job, message)
        return said.all()
    if job.suspend:
        said.add("Suspended", "Suspended", "spec.suspend is true", now, holds=True)
    said.add("Finished", job.reason.value, "", job.created_at, holds=False)
    said.add("Reconciling", job.reason.value, message, job.created_at, holds=True)
    return said.all()


def _finished(said: Conditions, job: Job, message: str) -> None:
    at = job.finished_at or job.created_at
    failed = job.phase is Phase.DEAD_LETTER
    said.add("Completed", job.reason.value, message, at, holds=job.phase is Phase.COMPLETED)
    said.add("Failed", job.reason.value, message, at, holds=failed)
    said.add("Finished", job.reason.value, "", at, holds=True)
    said.add("Reconciling", job.phase.pascal, "", at, holds=False)
    if failed:
        said.add("Stalled", job.reason.value, message, at, holds=True)


def refused(reason: str, message: str, *, generation: int, now: Micros) -> tuple[Condition, ...]:
    """Of a TaskJob that the engine will not have."""
    said = Conditions(generation)
    said.add("Accepted", reason, message, now, holds=False)
    said.add("Completed", reason, message, now, holds=False)
    said.add("Failed", reason, message, now, holds=True)
    said.add("Finished", reason, "", now, holds=True)
    said.add("Reconciling", reason, "", now, holds=False)
    said.add("Stalled", reason, message, now, holds=True)
    return said.all()


def not_accepted(reason: str, message: str, *, generation: int, now: Micros) -> tuple[Condition, ...]:
    """Of a TaskJob that the engine does not have yet."""
    said = Conditions(generation)
    said.add("Accepted", reason, message, now, holds=False)
    said.add("Finished", reason, "", now, holds=False)
    said.add("Reconciling", reason, message, now, holds=True)
    return said.all()


def forgotten(reason: str, message: str, *, generation: int, now: Micros) -> tuple[Condition, ...]:
    """Of a TaskJob whose job the engine no longer has, and whose outcome nobody wrote down."""
    said = Conditions(generation)
    said.add("Accepted", "Durable", "", now, holds=True)
    said.add("Completed", reason, message, now, holds=None)
    said.add("Failed", reason, message, now, holds=None)
    said.add("Finished", reason, message, now, holds=True)
    said.add("Reconciling", reason, "", now, holds=False)
    said.add("Stalled", reason, message, now, holds=True)
    return said.all()
