"""The attempt record of a delivery, current or ended. Pure; every store keeps these and nothing less."""

from __future__ import annotations

from taskjob.model import Attempt, AttemptOutcome, ErrorInfo, Micros
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.lifecycle.transitions import Ending, began_at


def current_attempt(job: JobState) -> Attempt:
    """The delivery of a LEASED job, still open."""
    return Attempt(
        run=job.run,
        number=job.deliveries,
        worker=job.worker or "",
        leased_at=job.leased_at or 0,
        started_at=job.started_at,
    )


def ended_attempt(job: JobState, ending: Ending, *, now: Micros) -> Attempt:
    """The same delivery, ended. `job` is the LEASED record, before `transitions.end`."""
    return Attempt(
        run=job.run,
        number=job.deliveries,
        worker=job.worker or "",
        leased_at=job.leased_at or 0,
        started_at=began_at(job, ending, now=now),
        finished_at=now,
        outcome=ending.outcome,
        error=ending.error,
    )


def completed_attempt(job: JobState, *, leased_at: Micros) -> Attempt:
    """The last delivery of a COMPLETED job, from its own record."""
    return Attempt(
        run=job.run,
        number=job.deliveries,
        worker=job.worker or "",
        leased_at=leased_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        outcome=AttemptOutcome.COMPLETED,
    )


def lapse_outcome(job: JobState) -> AttemptOutcome:
    """A lease that lapsed: LOST if its attempt had started, else nothing ran and nothing is charged."""
    return AttemptOutcome.RELEASED if job.started_at is None else AttemptOutcome.LOST


def hand_back_outcome(job: JobState) -> AttemptOutcome:
    """A lease that its session gives up on leaving (`bye`)."""
    return AttemptOutcome.RELEASED if job.started_at is None else AttemptOutcome.INTERRUPTED


def over_time(job: JobState, error: ErrorInfo) -> Ending:
    """A lease past its time that was not settled: TIMED_OUT if its attempt had started, else nothing is charged."""
    return Ending(AttemptOutcome.RELEASED if job.started_at is None else AttemptOutcome.TIMED_OUT, error=error)


def lapse(job: JobState, error: ErrorInfo) -> Ending:
    return Ending(lapse_outcome(job), error=error)
