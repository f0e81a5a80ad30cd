"""What a job waits for that may not run yet: a time, a person, a permit."""

from __future__ import annotations

from taskjob.model import Micros, Reason, format_time
from taskjob.model.times import SECOND
from taskjob_engine.policies.explain.answer import Answer, answer, count, one_line, shown_name, span
from taskjob_engine.store import Explanation

_SHOWN_HOLDERS = 3


def waiting(facts: Explanation, now: Micros) -> Answer:
    job = facts.job
    left = None if job.due_at is None else max(0.0, (job.due_at - now) / SECOND)
    if job.suspend or job.reason is Reason.SUSPENDED:
        step = "set suspend: false in its document, then: taskjob apply -f FILE"
        return answer(job, Reason.SUSPENDED, "It is suspended.", steps=(step,))
    if job.reason is Reason.LIMITED:
        return _limited_key(facts)
    when = "soon" if left is None or job.due_at is None else f"in {span(left)}, at {format_time(job.due_at)}"
    if job.reason is Reason.BACKOFF:
        error = "" if job.last_error is None else f" after {job.last_error.type}: {one_line(job.last_error.message)}"
        sentence = f"Attempt {job.attempts} of {job.retry.max_attempts} failed{error}; the next one starts {when}."
        return answer(job, Reason.BACKOFF, sentence, eta=left, steps=(f"taskjob logs {shown_name(job)}",))
    if job.reason is Reason.SNOOZED:
        return answer(job, Reason.SNOOZED, f"Its task put it off (snooze); it starts again {when}.", eta=left)
    if job.reason is Reason.BLOCKED:
        return answer(job, Reason.BLOCKED, "It waits for the jobs it depends on.")
    return answer(job, Reason.DELAYED, f"Its startAfter has not come: it starts {when}.", eta=left)


def _limited_key(facts: Explanation) -> Answer:
    job = facts.job
    limit = 1 if facts.queue is None else facts.queue.limits.per_concurrency_key
    holders = ", ".join(facts.permit_holders[:_SHOWN_HOLDERS]) or "none at this moment"
    more = len(facts.permit_holders) - _SHOWN_HOLDERS
    others = f" and {more} more" if more > 0 else ""
    return answer(
        job,
        Reason.LIMITED,
        f"At most {count(limit, 'job')} of concurrencyKey {job.concurrency_key!r} may run at once in queue "
        f"{job.queue!r}; held by {holders}{others}.",
        holders=facts.permit_holders,
        steps=(
            *(f"taskjob explain {holder}" for holder in facts.permit_holders[:1]),
            f"wait, or raise limits.perConcurrencyKey of queue {job.queue}",
        ),
    )
