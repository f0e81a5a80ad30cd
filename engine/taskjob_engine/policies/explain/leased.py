"""What a job is doing that a worker holds."""

from __future__ import annotations

from taskjob.model import Micros, Phase, Reason
from taskjob.model.times import SECOND
from taskjob_engine.policies.explain.answer import Answer, answer, span
from taskjob_engine.store import Explanation


def leased(facts: Explanation, now: Micros, holdoff_seconds: float) -> Answer:
    job = facts.job
    where = "a worker" if job.worker is None else f"worker {job.worker}"
    if job.cancel_requested_at is not None:
        since = span((now - job.cancel_requested_at) / SECOND)
        return answer(
            job,
            Reason.CANCELLING,
            f"Its cancel was requested {since} ago; {where} has been told to stop it.",
            steps=(
                "a task on a thread cannot be killed: it ends when its code looks at the cancel, or by its time-out",
            ),
        )
    if holdoff_seconds > 0 and facts.workers == 0:
        return answer(
            job,
            Reason.HOLD_OFF,
            f"It was running on {where}, which is silent. The server itself was away or stalled, so nobody is "
            f"declared dead for another {span(holdoff_seconds)}.",
            eta=holdoff_seconds,
            steps=("wait: if the worker does not come back, the job is handed to another one",),
        )
    if job.phase is Phase.ASSIGNED:
        return answer(job, Reason.ASSIGNED, f"It was handed to {where} and is about to start.", eta=0.0)
    begun = job.started_at if job.started_at is not None else now
    progress = "" if job.progress is None else f", progress {job.progress}"
    return answer(
        job,
        Reason.RUNNING,
        f"It has been running on {where} for {span((now - begun) / SECOND)} "
        f"of at most {span(job.timeout_seconds)}{progress}.",
    )
