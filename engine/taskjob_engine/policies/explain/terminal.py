"""How a finished job ended."""

from __future__ import annotations

from collections.abc import Callable

from taskjob.model import Job, Phase, Reason
from taskjob_engine.policies.explain.answer import Answer, answer, one_line, shown_name


def finished(job: Job) -> Answer:
    if job.phase is Phase.COMPLETED:
        return answer(job, Reason.COMPLETED, f"It completed on attempt {job.attempts}.")
    if job.phase is Phase.CANCELLED:
        how = "the task cancelled it itself" if job.reason is Reason.CANCELLED_BY_TASK else "its cancel was requested"
        return answer(job, job.reason, f"It was cancelled: {how}.", steps=(f"taskjob rerun {shown_name(job)}",))
    words = _DEAD[job.reason](job) if job.reason in _DEAD else f"its run ended with {job.reason}"
    error = "" if job.last_error is None else f" Last error: {job.last_error.type}: {one_line(job.last_error.message)}"
    return answer(
        job,
        job.reason,
        f"It is a dead letter: {words}.{error}",
        steps=(f"taskjob logs {shown_name(job)}", f"mend the cause, then: taskjob rerun {shown_name(job)}"),
    )


_DEAD: dict[Reason, Callable[[Job], str]] = {
    Reason.ATTEMPTS_EXHAUSTED: lambda job: f"all {job.retry.max_attempts} attempts failed",
    Reason.NON_RETRYABLE: lambda job: f"attempt {job.attempts} failed with an error that retrying does not mend",
    Reason.LOST_EXHAUSTED: lambda job: f"its worker died more than {job.retry.max_lost} times while it ran",
    Reason.INTERRUPTIONS_EXHAUSTED: lambda job: f"it was interrupted {job.interruptions} times and never finished",
    Reason.DELIVERIES_EXHAUSTED: lambda job: f"it was handed out {job.deliveries} times and never finished",
    Reason.DEADLINE_EXCEEDED: lambda _: "its activeDeadlineSeconds passed",
}
