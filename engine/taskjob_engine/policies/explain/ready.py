"""Why a job that could run does not: its queue, the workers, the limits, or those ahead of it."""

from __future__ import annotations

from taskjob.model import Job, Micros, Queue, QueueTrouble, Reason, format_time
from taskjob.model.times import SECOND
from taskjob_engine.policies.explain.answer import Answer, answer, count, one_line
from taskjob_engine.store import Explanation


def ready(facts: Explanation, now: Micros) -> Answer:
    job, queue = facts.job, facts.queue
    position = facts.ahead + 1
    if queue is None:
        return answer(
            job,
            Reason.QUEUE_NOT_FOUND,
            f"There is no queue {job.queue!r} in namespace {job.namespace!r}.",
            steps=(
                f"create the TaskQueue {job.queue}, or submit to a queue of: taskjob get queues",
                f"where there is one, it was refused and says why: kubectl describe taskqueue {job.queue}",
            ),
        )
    if queue.deleted:
        return answer(
            job,
            Reason.QUEUE_DELETED,
            f"The TaskQueue {queue.name!r} was deleted. The job waits for a queue of that name.",
            position=position,
            steps=(f"create the TaskQueue {queue.name} again, or cancel the job: taskjob cancel {job.name or job.id}",),
        )
    paused = _paused(job, queue, now, position)
    if paused is not None:
        return paused
    if facts.capable_workers == 0:
        return _unserved(facts, queue, position)
    return _limited_queue(facts, queue, position) or _queued(facts, queue, position)


def _unserved(facts: Explanation, queue: Queue, position: int) -> Answer:
    job, trouble = facts.job, queue.trouble
    steps: tuple[str, ...]
    if facts.workers == 0:
        sentence = f"No worker is connected that serves queue {job.queue!r}."
        steps = ("start one: taskjob worker MODULE", f"it must serve queue {job.queue} and know task {job.task}")
    else:
        sentence = f"{count(facts.workers, 'worker')} of queue {job.queue!r}, but none knows task {job.task!r}."
        steps = ("compare the task's name with: taskjob get workers -o wide", "start a worker that registers it")
    if trouble is not None:
        sentence = f"{sentence} {_cannot_start('Its workers', trouble)}"
        steps = _mend(queue)
    return answer(job, Reason.NO_WORKER_FOR_TASK, sentence, position=position, trouble=trouble, steps=steps)


def _cannot_start(who: str, trouble: QueueTrouble) -> str:
    return f"{who} cannot start: {trouble.reason}: {one_line(trouble.message)}".rstrip(": .") + "."


def _mend(queue: Queue) -> tuple[str, ...]:
    return (f"see its conditions, and mend it: kubectl describe taskqueue {queue.name} -n {queue.namespace}",)


def _paused(job: Job, queue: Queue, now: Micros, position: int) -> Answer | None:
    by_person = queue.paused_by is not None and (queue.paused_until is None or queue.paused_until > now)
    if not by_person and not queue.paused:
        return None
    if by_person:
        why = "" if queue.paused_reason is None else f" ({one_line(queue.paused_reason)})"
        until = "" if queue.paused_until is None else f" until {format_time(queue.paused_until)}"
        sentence = f"Queue {queue.name!r} is paused by {queue.paused_by}{why}{until}."
        steps = (f"taskjob resume {queue.name}",)
    else:
        sentence = f"Queue {queue.name!r} is paused by its own document (paused: true)."
        steps = (f"set paused: false on TaskQueue {queue.name}",)
    known = by_person and not queue.paused and queue.paused_until is not None
    eta = (queue.paused_until - now) / SECOND if known and queue.paused_until is not None else None
    return answer(job, Reason.QUEUE_PAUSED, sentence, position=position, eta=eta, steps=steps)


def _limited_queue(facts: Explanation, queue: Queue, position: int) -> Answer | None:
    limit = queue.limits.max_concurrency
    if limit is not None and facts.running_in_queue >= limit:
        return answer(
            facts.job,
            Reason.QUEUE_LIMIT,
            f"Queue {queue.name!r} runs {count(facts.running_in_queue, 'job')}, as many as its maxConcurrency allows.",
            position=position,
            eta=_eta(facts, position),
            holders=facts.permit_holders,
            steps=(f"wait, or raise limits.maxConcurrency of queue {queue.name}",),
        )
    if facts.rate_retry_after_seconds is not None and facts.rate_retry_after_seconds > 0:
        rate = queue.limits.rate_per_second or 1
        return answer(
            facts.job,
            Reason.RATE_LIMIT,
            f"Queue {queue.name!r} may start {count(rate, 'job')} per second, and has.",
            position=position,
            eta=facts.rate_retry_after_seconds + facts.ahead / rate,
            steps=(f"wait, or raise limits.ratePerSecond of queue {queue.name}",),
        )
    return None


def _queued(facts: Explanation, queue: Queue, position: int) -> Answer:
    if facts.free_slots > 0:
        busy = f"{count(facts.free_slots, 'slot')} free on {count(facts.capable_workers, 'worker')}"
    else:
        busy = f"every slot of {count(facts.capable_workers, 'worker')} is busy"
    steps: tuple[str, ...] = () if facts.free_slots > 0 else ("wait, add workers, or raise its priority",)
    sentence = f"It is number {position} in queue {facts.job.queue!r}; {busy}."
    trouble = queue.trouble if facts.free_slots == 0 else None
    if trouble is not None:
        sentence = f"{sentence} {_cannot_start('More workers', trouble)}"
        steps = _mend(queue)
    eta = _eta(facts, position)
    return answer(facts.job, Reason.QUEUED, sentence, position=position, eta=eta, trouble=trouble, steps=steps)


def _eta(facts: Explanation, position: int) -> float | None:
    if facts.recent_rate_per_second > 0:
        return position / facts.recent_rate_per_second
    return 0.0 if facts.free_slots > facts.ahead else None
