"""Every step a job can take. Each function returns the next record, or None where nothing changes.

Permits are not decided here: a function that says READY says "eligible"; a store that finds no permit for
the job's concurrency key turns that into `limited(...)` in the same transaction.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from taskjob.model import AttemptOutcome, ErrorInfo, Micros, Reason
from taskjob.model.job import MAX_INTERRUPTIONS
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle.backoff import backoff_micros
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.lifecycle.state import LIVE, TERMINAL, JobState, State

_replace = msgspec.structs.replace

TIMED_OUT = "TimedOut"
"""The stop order of an attempt over its `timeout_seconds`."""

UNSTARTED_SECONDS = 600
"""Longest time that a lease of a job with a short time-out may wait for its start in the hands of a worker."""

_HARMLESS = frozenset({AttemptOutcome.RELEASED, AttemptOutcome.INTERRUPTED, AttemptOutcome.SNOOZED})
"""Ends that say nothing against the job: their error stands in the attempt's record only."""

AGING_SECONDS = 60
"""What one point of priority is worth of waiting."""


class Ending(NamedTuple):
    """How a delivery ended, as the worker (or the clock) tells it."""

    outcome: AttemptOutcome
    error: ErrorInfo | None = None
    retryable: bool = True
    delay_seconds: float | None = None
    duration_seconds: float = 0.0


def rank_of(ready_at: Micros, priority: int, aging_seconds: int) -> int:
    """Order of ready jobs, lower first: each point of priority is worth `aging_seconds` of waiting."""
    return ready_at - priority * aging_seconds * SECOND


def place(job: JobState, *, now: Micros, due_at: Micros | None, wait: Reason, aging_seconds: int) -> JobState:
    """Put a live, unleased job where it belongs: over its deadline, suspended, waiting until `due_at`, or ready."""
    job = _replace(job, lease_id=None, session=None, worker=None, leased_at=None, started_at=None, timeout_at=None)
    if job.deadline_at is not None and job.deadline_at <= now:
        return finish(job, State.DEAD_LETTER, Reason.DEADLINE_EXCEEDED, now=now)
    if job.suspend:
        return _replace(job, state=State.WAITING, reason=Reason.SUSPENDED, due_at=due_at, ready_at=None)
    if due_at is not None and due_at > now:
        return _replace(job, state=State.WAITING, reason=wait, due_at=due_at, ready_at=None)
    return _replace(
        job,
        state=State.READY,
        reason=Reason.QUEUED,
        due_at=None,
        ready_at=now,
        rank=rank_of(now, job.priority, aging_seconds),
    )


def accept(job: JobState, *, now: Micros, aging_seconds: int = AGING_SECONDS) -> JobState:
    """The first placement of a freshly submitted job."""
    return place(job, now=now, due_at=job.start_after, wait=Reason.DELAYED, aging_seconds=aging_seconds)


def limited(job: JobState) -> JobState:
    """An eligible job without a permit waits for one; `rank` keeps its place among the waiting."""
    return _replace(job, state=State.WAITING, reason=Reason.LIMITED)


def promote(job: JobState, *, now: Micros, aging_seconds: int = AGING_SECONDS) -> JobState | None:
    """A waiting job whose time has come becomes eligible. Suspended and limited ones do not move."""
    if job.state is not State.WAITING or job.reason in {Reason.SUSPENDED, Reason.LIMITED, Reason.BLOCKED}:
        return None
    if job.due_at is not None and job.due_at > now:
        return None
    return _step(place(job, now=now, due_at=None, wait=job.reason, aging_seconds=aging_seconds))


def permit_granted(job: JobState, *, now: Micros) -> JobState:
    """A permit was handed to a limited job. Its rank was fixed when it became eligible and stays."""
    return _step(_replace(job, state=State.READY, reason=Reason.QUEUED, ready_at=now))


def grant(job: JobState, *, lease_id: str, session: str, worker: str, now: Micros) -> JobState:
    """Lease a ready job. Its time-out counts from the start, which the worker tells later; until then it has
    `UNSTARTED_SECONDS`, or its time-out where that is longer."""
    return _step(
        _replace(
            job,
            state=State.LEASED,
            reason=Reason.ASSIGNED,
            lease_id=lease_id,
            session=session,
            worker=worker,
            leased_at=now,
            started_at=None,
            timeout_at=_time_out_at(job, now, max(job.timeout_seconds, UNSTARTED_SECONDS)),
            deliveries=job.deliveries + 1,
        )
    )


def start(job: JobState, *, ago_seconds: float, now: Micros) -> JobState | None:
    """The worker began the attempt. Repeats change nothing. It ends with its time-out or the job's deadline,
    whichever comes first."""
    if job.state is not State.LEASED or job.started_at is not None:
        return None
    began = started_at(job, ago_seconds, now)
    return _step(
        _replace(job, reason=Reason.RUNNING, started_at=began, timeout_at=_time_out_at(job, began, job.timeout_seconds))
    )


def started_at(job: JobState, ago_seconds: float, now: Micros) -> Micros:
    """A start told as "so long ago", kept between the grant and now."""
    return max(now - micros(ago_seconds), job.leased_at or now)


def began_at(job: JobState, ending: Ending, *, now: Micros) -> Micros | None:
    """When the attempt started, also where only its end was told (short jobs): None if it never did."""
    if job.started_at is not None or ending.outcome is AttemptOutcome.RELEASED:
        return job.started_at
    return started_at(job, ending.duration_seconds, now)


def time_left_seconds(job: JobState, *, now: Micros) -> float:
    """What an attempt granted now may take: its time-out, cut to the job's deadline."""
    if job.deadline_at is None:
        return float(job.timeout_seconds)
    return min(float(job.timeout_seconds), max(0, job.deadline_at - now) / SECOND)


def stop_order(job: JobState, *, now: Micros) -> str | None:
    """Why the worker of a leased job should stop it (`CancelOrder.reason`), or None."""
    if job.cancel_requested_at is not None:
        return "CancelRequested"
    if job.deadline_at is not None and job.deadline_at <= now:
        return "DeadlineExceeded"
    if job.started_at is not None and job.timeout_at is not None and job.timeout_at <= now:
        return TIMED_OUT
    return None


def reported(job: JobState) -> JobState:
    """Something that stands beside the record differs from before: progress, checkpoint or owner."""
    return _step(job)


def holds_permit(job: JobState) -> bool:
    """A keyed job holds its permit exactly while it is eligible or leased; else it has none or waits for one."""
    return job.concurrency_key is not None and job.state in {State.READY, State.LEASED}


def end(job: JobState, ending: Ending, *, now: Micros, jitter: float, aging_seconds: int = AGING_SECONDS) -> JobState:
    """The one place where a delivery's end becomes the job's next state.

    `jitter` is a random number in [0, 1). The job is LEASED; its lease was checked by the caller.
    A lapse of a lease that never started is told as RELEASED: nothing ran, nothing is charged.
    """
    job = _replace(job, started_at=began_at(job, ending, now=now))
    job, spent = charge(job, ending)
    error = None if ending.outcome in _HARMLESS else ending.error
    job = _step(_replace(job, last_error=error or job.last_error))
    if job.cancel_requested_at is not None:
        return finish(job, State.CANCELLED, Reason.CANCEL_REQUESTED, now=now)
    if ending.outcome is AttemptOutcome.COMPLETED:
        return finish(job, State.COMPLETED, Reason.COMPLETED, now=now)
    if ending.outcome is AttemptOutcome.CANCELLED:
        return finish(job, State.CANCELLED, Reason.CANCELLED_BY_TASK, now=now)
    if spent is None and job.deliveries >= job.retry.max_deliveries:
        spent = Reason.DELIVERIES_EXHAUSTED
    if spent is not None:
        return finish(job, State.DEAD_LETTER, spent, now=now)
    due_at, wait = _next_time(job, ending, now=now, jitter=jitter)
    return place(job, now=now, due_at=due_at, wait=wait, aging_seconds=aging_seconds)


def charge(job: JobState, ending: Ending) -> tuple[JobState, Reason | None]:  # noqa: PLR0911 - one return an outcome
    """Raise the counter that this end costs, and say which budget it spent, if any (G4).

    A loss or interruption that finds its budget already spent ends the job and is not counted, so that
    `lost` ≤ `maxLost` and `interruptions` ≤ 20 hold always. As `lost` ≥ 2 makes a job suspect, only suspects
    (or jobs with maxLost 0 or 1) can end this way.
    """
    match ending.outcome:
        case AttemptOutcome.COMPLETED:
            return _replace(job, attempts=job.attempts + 1), None
        case AttemptOutcome.FAILED | AttemptOutcome.TIMED_OUT:
            job = _replace(job, attempts=job.attempts + 1)
            return job, _failure_is_final(job, ending)
        case AttemptOutcome.LOST | AttemptOutcome.CRASHED:
            if job.lost >= job.retry.max_lost:
                return job, Reason.LOST_EXHAUSTED
            return _replace(job, lost=job.lost + 1), None
        case AttemptOutcome.INTERRUPTED:
            if job.interruptions >= MAX_INTERRUPTIONS:
                return job, Reason.INTERRUPTIONS_EXHAUSTED
            return _replace(job, interruptions=job.interruptions + 1), None
        case _:
            return job, None


def request_cancel(job: JobState, *, now: Micros) -> JobState | None:
    """Unleased: cancelled at once. Leased: remembered, and whatever ends the lease cancels the job."""
    if job.state in TERMINAL or job.cancel_requested_at is not None:
        return None
    job = _step(_replace(job, cancel_requested_at=now))
    if job.state is State.LEASED:
        return job
    return finish(job, State.CANCELLED, Reason.CANCEL_REQUESTED, now=now)


def expire_deadline(job: JobState, *, now: Micros) -> JobState | None:
    """An unleased job past its deadline becomes a dead letter; a leased one is ended by its time-out."""
    if job.state not in {State.WAITING, State.READY} or job.deadline_at is None or job.deadline_at > now:
        return None
    return finish(_step(job), State.DEAD_LETTER, Reason.DEADLINE_EXCEEDED, now=now)


def amend(
    job: JobState,
    *,
    now: Micros,
    aging_seconds: int = AGING_SECONDS,
    priority: int | None = None,
    suspend: bool | None = None,
    ttl_seconds_after_finished: int | None = None,
    ttl_seconds_after_failed: int | None = None,
) -> JobState | None:
    """Change what is mutable. None leaves a field alone. Suspend stops the next start, not a running attempt;
    a new priority re-ranks a ready or limited job from when it became eligible."""
    changed = _replace(
        job,
        priority=job.priority if priority is None else priority,
        suspend=job.suspend if suspend is None else suspend,
        ttl_seconds_after_finished=(
            job.ttl_seconds_after_finished if ttl_seconds_after_finished is None else ttl_seconds_after_finished
        ),
        ttl_seconds_after_failed=(
            job.ttl_seconds_after_failed if ttl_seconds_after_failed is None else ttl_seconds_after_failed
        ),
    )
    if changed == job:
        return None
    changed = _step(changed)
    if job.state in TERMINAL:
        return _replace(changed, expires_at=_expiry(changed, changed.state, changed.finished_at or now))
    if job.state is State.LEASED:
        return changed
    if changed.suspend != job.suspend:
        return place(changed, now=now, due_at=job.due_at, wait=waiting_reason(job), aging_seconds=aging_seconds)
    if changed.priority != job.priority and (job.state is State.READY or job.reason is Reason.LIMITED):
        shift = rank_of(0, changed.priority, aging_seconds) - rank_of(0, job.priority, aging_seconds)
        return _replace(changed, rank=job.rank + shift)
    return changed


def waiting_reason(job: JobState) -> Reason:
    """Why a job with a due time waits, as far as its counters still tell."""
    if job.reason in {Reason.BACKOFF, Reason.SNOOZED, Reason.DELAYED}:
        return job.reason
    return Reason.BACKOFF if job.attempts else Reason.DELAYED


def rerun(job: JobState, *, now: Micros, aging_seconds: int = AGING_SECONDS) -> JobState | None:
    """Start run + 1 of a finished job: counters reset, history kept, the deadline counts afresh."""
    if job.state in LIVE:
        return None
    deadline = None if job.active_deadline_seconds is None else now + job.active_deadline_seconds * SECOND
    fresh = _step(
        _replace(
            job,
            run=job.run + 1,
            attempts=0,
            lost=0,
            interruptions=0,
            deliveries=0,
            suspend=False,
            deadline_at=deadline,
            finished_at=None,
            expires_at=None,
            cancel_requested_at=None,
            last_error=None,
        )
    )
    return place(fresh, now=now, due_at=None, wait=Reason.DELAYED, aging_seconds=aging_seconds)


def finish(job: JobState, state: State, reason: Reason, *, now: Micros) -> JobState:
    """Make the job terminal; within its run nothing changes it any more but its retention."""
    return _replace(
        job,
        state=state,
        reason=reason,
        lease_id=None,
        session=None,
        leased_at=None,
        timeout_at=None,
        due_at=None,
        ready_at=None,
        finished_at=now,
        expires_at=_expiry(job, state, now),
    )


def _expiry(job: JobState, state: State, finished_at: Micros) -> Micros:
    failed = state is State.DEAD_LETTER
    ttl = job.ttl_seconds_after_failed if failed else job.ttl_seconds_after_finished
    return finished_at + ttl * SECOND


def _time_out_at(job: JobState, since: Micros, seconds: int) -> Micros:
    ends = since + seconds * SECOND
    return ends if job.deadline_at is None else min(ends, job.deadline_at)


def _failure_is_final(job: JobState, ending: Ending) -> Reason | None:
    if not ending.retryable or (ending.error is not None and ending.error.type in job.retry.non_retryable):
        return Reason.NON_RETRYABLE
    return Reason.ATTEMPTS_EXHAUSTED if job.attempts >= job.retry.max_attempts else None


def _next_time(job: JobState, ending: Ending, *, now: Micros, jitter: float) -> tuple[Micros | None, Reason]:
    match ending.outcome:
        case AttemptOutcome.FAILED | AttemptOutcome.TIMED_OUT:
            if ending.delay_seconds is not None:
                return now + micros(ending.delay_seconds), Reason.BACKOFF
            return now + backoff_micros(job.retry.backoff, job.attempts, jitter), Reason.BACKOFF
        case AttemptOutcome.SNOOZED:
            return now + micros(ending.delay_seconds or 0.0), Reason.SNOOZED
        case AttemptOutcome.CRASHED:
            return now + backoff_micros(job.retry.backoff, job.lost, jitter), Reason.BACKOFF
        case _:
            return None, Reason.DELAYED


def _step(job: JobState) -> JobState:
    return _replace(job, revision=job.revision + 1)
