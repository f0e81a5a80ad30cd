"""Words for why a job is where it is, from one snapshot of facts.

It answers what people ask beside a job that does not run: why, how long still, and what to do about it. It looks
nothing up; facts come from `JobStore.explain`, the rest of hold-off from the engine.
"""

from __future__ import annotations

from taskjob.model import Micros, Phase
from taskjob_engine.policies.explain.answer import Answer
from taskjob_engine.policies.explain.leased import leased
from taskjob_engine.policies.explain.ready import ready
from taskjob_engine.policies.explain.terminal import finished
from taskjob_engine.policies.explain.waiting import waiting
from taskjob_engine.store import Explanation

__all__ = ["Answer", "explain"]


def explain(facts: Explanation, *, now: Micros, holdoff_seconds: float = 0.0) -> Answer:
    job = facts.job
    if job.phase.is_terminal:
        return finished(job)
    if job.phase in {Phase.ASSIGNED, Phase.RUNNING}:
        return leased(facts, now, holdoff_seconds)
    if job.phase is Phase.QUEUED:
        return ready(facts, now)
    return waiting(facts, now)
