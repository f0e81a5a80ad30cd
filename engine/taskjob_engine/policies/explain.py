"""Words for why a job is where it is, from one snapshot of facts.

It answers what people ask beside a job that does not run: why, how long still, and what to do about it. It looks
nothing up; facts come from `JobStore.explain`, the rest of hold-off from the engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from taskjob.model import Job, Micros, Phase, Queue, Reason, format_time
from taskjob.model.times import SECOND
from taskjob_engine.store import Explanation


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`position` counts from 1 among ready jobs of the queue (absent where it says nothing); `eta_seconds` is a
    rough guess of the time to its start, absent where nobody can know; `holders` are the jobs it waits for."""

    job: str
    phase: Phase
    reason: Reason
    sentence: str
    position: int | None = None
    eta_seconds: float | None = None
    holders: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()


def explain(facts: Explanation, *, now: Micros, holdoff_seconds: float = 0.0) -> Answer:
    job = facts.job
    if job.phase.is_terminal:
        return _finished(job)
    if job.phase in {Phase.ASSIGNED, Phase.RUNNING}:
        return _leased(facts, now, holdoff_seconds)
    if job.phase is Phase.QUEUED:
        return _ready(facts, now)
    return _waiting(facts, now)


# ---------------------------------------------------------------------------------------------------- terminal


def _finished(job: Job) -> Answer:
    if job.phase is Phase.COMPLETED:
        return _answer(job, Reason.COMPLETED, f"It completed on attempt {job.attempts}.")
    if job.phase is Phase.CANCELLED:
        how = "the task cancelled it itself" if job.reason is Reason.CANCELLED_BY_TASK else "its cancel was requested"
        return _answer(job, job.reason, f"It was cancelled: {how}.", steps=(f"taskjob rerun {_name(job)}",))
    words = _DEAD[job.reason](job) if job.reason in _DEAD else f"its run ended with {job.reason}"
    error = "" if job.last_error is None else f" Last error: {job.last_error.type}: {_line(job.last_error.message)}"
    return _answer(
        job,
        job.reason,
        f"It is a dead letter: {words}.{error}",
        steps=(f"taskjob logs {_name(job)}", f"mend the cause, then: taskjob rerun {_name(job)}"),
    )


_DEAD: dict[Reason, Callable[[Job], str]] = {
    Reason.ATTEMPTS_EXHAUSTED: lambda job: f"all {job.retry.max_attempts} attempts failed",
    Reason.NON_RETRYABLE: lambda job: f"attempt {job.attempts} failed with an error that retrying does not mend",
    Reason.LOST_EXHAUSTED: lambda job: f"its worker died more than {job.retry.max_lost} times while it ran",
    Reason.INTERRUPTIONS_EXHAUSTED: lambda job: f"it was interrupted {job.interruptions} times and never finished",
    Reason.DELIVERIES_EXHAUSTED: lambda job: f"it was handed out {job.deliveries} times and never finished",
    Reason.DEADLINE_EXCEEDED: lambda _: "its activeDeadlineSeconds passed",
}


# ------------------------------------------------------------------------------------------------------ leased


def _leased(facts: Explanation, now: Micros, holdoff_seconds: float) -> Answer:
    job = facts.job
    where = "a worker" if job.worker is None else f"worker {job.worker}"
    if job.cancel_requested_at is not None:
        since = _span((now - job.cancel_requested_at) / SECOND)
        return _answer(
            job,
            Reason.CANCELLING,
            f"Its cancel was requested {since} ago; {where} has been told to stop it.",
            steps=(
                "a task on a thread cannot be killed: it ends when its code looks at the cancel, or by its time-out",
            ),
        )
    if holdoff_seconds > 0 and facts.workers == 0:
        return _answer(
            job,
            Reason.HOLD_OFF,
            f"It was running on {where}, which is silent. The server itself was away or stalled, so nobody is "
            f"declared dead for another {_span(holdoff_seconds)}.",
            eta=holdoff_seconds,
            steps=("wait: if the worker does not come back, the job is handed to another one",),
        )
    if job.phase is Phase.ASSIGNED:
        return _answer(job, Reason.ASSIGNED, f"It was handed to {where} and is about to start.", eta=0.0)
    begun = job.started_at if job.started_at is not None else now
    progress = "" if job.progress is None else f", progress {job.progress}"
    return _answer(
        job,
        Reason.RUNNING,
        f"It has been running on {where} for {_span((now - begun) / SECOND)} "
        f"of at most {_span(job.timeout_seconds)}{progress}.",
    )


# ------------------------------------------------------------------------------------------------------- ready


def _ready(facts: Explanation, now: Micros) -> Answer:
    job, queue = facts.job, facts.queue
    position = facts.ahead + 1
    if queue is None:
        return _answer(
            job,
            Reason.QUEUE_NOT_FOUND,
            f"There is no queue {job.queue!r} in namespace {job.namespace!r}.",
            steps=(f"create the TaskQueue {job.queue}, or submit to a queue of: taskjob get queues",),
        )
    paused = _paused(job, queue, now, position)
    if paused is not None:
        return paused
    if facts.workers == 0:
        return _answer(
            job,
            Reason.NO_WORKER_FOR_TASK,
            f"No worker is connected that serves queue {job.queue!r}.",
            position=position,
            steps=("start one: taskjob worker MODULE", f"it must serve queue {job.queue} and know task {job.task}"),
        )
    if facts.capable_workers == 0:
        return _answer(
            job,
            Reason.NO_WORKER_FOR_TASK,
            f"{_count(facts.workers, 'worker')} of queue {job.queue!r}, but none knows task {job.task!r}.",
            position=position,
            steps=("compare the task's name with: taskjob get workers -o wide", "start a worker that registers it"),
        )
    return _limited_queue(facts, queue, position) or _queued(facts, position)


def _paused(job: Job, queue: Queue, now: Micros, position: int) -> Answer | None:
    by_person = queue.paused_by is not None and (queue.paused_until is None or queue.paused_until > now)
    if not by_person and not queue.paused:
        return None
    if by_person:
        why = "" if queue.paused_reason is None else f" ({_line(queue.paused_reason)})"
        until = "" if queue.paused_until is None else f" until {format_time(queue.paused_until)}"
        sentence = f"Queue {queue.name!r} is paused by {queue.paused_by}{why}{until}."
        steps = (f"taskjob resume {queue.name}",)
    else:
        sentence = f"Queue {queue.name!r} is paused by its own document (paused: true)."
        steps = (f"set paused: false on TaskQueue {queue.name}",)
    known = by_person and not queue.paused and queue.paused_until is not None
    eta = (queue.paused_until - now) / SECOND if known and queue.paused_until is not None else None
    return _answer(job, Reason.QUEUE_PAUSED, sentence, position=position, eta=eta, steps=steps)


def _limited_queue(facts: Explanation, queue: Queue, position: int) -> Answer | None:
    limit = queue.limits.max_concurrency
    if limit is not None and facts.running_in_queue >= limit:
        return _answer(
            facts.job,
            Reason.QUEUE_LIMIT,
            f"Queue {queue.name!r} runs {_count(facts.running_in_queue, 'job')}, as many as its maxConcurrency allows.",
            position=position,
            eta=_eta(facts, position),
            holders=facts.permit_holders,
            steps=(f"wait, or raise limits.maxConcurrency of queue {queue.name}",),
        )
    if facts.rate_retry_after_seconds is not None and facts.rate_retry_after_seconds > 0:
        rate = queue.limits.rate_per_second or 1
        return _answer(
            facts.job,
            Reason.RATE_LIMIT,
            f"Queue {queue.name!r} may start {_count(rate, 'job')} per second, and has.",
            position=position,
            eta=facts.rate_retry_after_seconds + facts.ahead / rate,
            steps=(f"wait, or raise limits.ratePerSecond of queue {queue.name}",),
        )
    return None


def _queued(facts: Explanation, position: int) -> Answer:
    if facts.free_slots > 0:
        busy = f"{_count(facts.free_slots, 'slot')} free on {_count(facts.capable_workers, 'worker')}"
    else:
        busy = f"every slot of {_count(facts.capable_workers, 'worker')} is busy"
    steps = () if facts.free_slots > 0 else ("wait, add workers, or raise its priority",)
    sentence = f"It is number {position} in queue {facts.job.queue!r}; {busy}."
    return _answer(facts.job, Reason.QUEUED, sentence, position=position, eta=_eta(facts, position), steps=steps)


def _eta(facts: Explanation, position: int) -> float | None:
    if facts.recent_rate_per_second > 0:
        return position / facts.recent_rate_per_second
    return 0.0 if facts.free_slots > facts.ahead else None


# ----------------------------------------------------------------------------------------------------- waiting


def _waiting(facts: Explanation, now: Micros) -> Answer:
    job = facts.job
    left = None if job.due_at is None else max(0.0, (job.due_at - now) / SECOND)
    if job.suspend or job.reason is Reason.SUSPENDED:
        return _answer(
            job, Reason.SUSPENDED, "It is suspended.", steps=(f"set suspend: false, or: taskjob resume {_name(job)}",)
        )
    if job.reason is Reason.LIMITED:
        return _limited_key(facts)
    when = "soon" if left is None or job.due_at is None else f"in {_span(left)}, at {format_time(job.due_at)}"
    if job.reason is Reason.BACKOFF:
        error = "" if job.last_error is None else f" after {job.last_error.type}: {_line(job.last_error.message)}"
        sentence = f"Attempt {job.attempts} of {job.retry.max_attempts} failed{error}; the next one starts {when}."
        return _answer(job, Reason.BACKOFF, sentence, eta=left, steps=(f"taskjob logs {_name(job)}",))
    if job.reason is Reason.SNOOZED:
        return _answer(job, Reason.SNOOZED, f"Its task put it off (snooze); it starts again {when}.", eta=left)
    if job.reason is Reason.BLOCKED:
        return _answer(job, Reason.BLOCKED, "It waits for the jobs it depends on.")
    return _answer(job, Reason.DELAYED, f"Its startAfter has not come: it starts {when}.", eta=left)


def _limited_key(facts: Explanation) -> Answer:
    job = facts.job
    limit = 1 if facts.queue is None else facts.queue.limits.per_concurrency_key
    holders = ", ".join(facts.permit_holders[:_SHOWN_HOLDERS]) or "none at this moment"
    more = len(facts.permit_holders) - _SHOWN_HOLDERS
    others = f" and {more} more" if more > 0 else ""
    return _answer(
        job,
        Reason.LIMITED,
        f"At most {_count(limit, 'job')} of concurrencyKey {job.concurrency_key!r} may run at once in queue "
        f"{job.queue!r}; held by {holders}{others}.",
        holders=facts.permit_holders,
        steps=(
            *(f"taskjob explain {holder}" for holder in facts.permit_holders[:1]),
            f"wait, or raise limits.perConcurrencyKey of queue {job.queue}",
        ),
    )


# ------------------------------------------------------------------------------------------------------- words

_SHOWN_HOLDERS = 3
_LINE = 200


def _answer(
    job: Job,
    reason: Reason,
    sentence: str,
    *,
    position: int | None = None,
    eta: float | None = None,
    holders: tuple[str, ...] = (),
    steps: tuple[str, ...] = (),
) -> Answer:
    return Answer(
        job=job.id,
        phase=job.phase,
        reason=reason,
        sentence=sentence,
        position=position,
        eta_seconds=None if eta is None else round(eta, 1),
        holders=holders,
        next_steps=steps,
    )


def _name(job: Job) -> str:
    return job.name or job.id


def _line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LINE else f"{line[: _LINE - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _span(seconds: float) -> str:
    """A duration as people say it: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 10:
        return f"{max(0.0, math.ceil(seconds * 10) / 10):g} s"
    whole = math.ceil(seconds)
    for size, unit, smaller, sub in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {sub}" if rest else "")
    return f"{whole} s"
