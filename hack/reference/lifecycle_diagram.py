"""The life of a job as a Mermaid diagram and a table, found by running the transitions themselves.

Starts from every way a job can be accepted and applies every transition to every kind of job it reaches, until
nothing new appears. So the diagram cannot show an edge that the code does not have, nor miss one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from taskjob.model import AttemptOutcome, Backoff, ErrorInfo, Phase, Reason, RetryPolicy
from taskjob.model.job import MAX_INTERRUPTIONS
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import JobState, State, phase_of

NOW = 1_000_000 * SECOND
LATER = NOW + 10_000 * SECOND
START = "[*]"
RETRY = RetryPolicy(max_attempts=2, max_lost=1, backoff=Backoff(jitter_percent=0))

Edge = tuple[str, str, str]
"""(phase before, what happened, phase after)"""


def new_job(**changes: object) -> JobState:
    job = JobState(
        id="0" * 32,
        namespace="default",
        queue="default",
        task="demo",
        retry=RETRY,
        timeout_seconds=60,
        priority=0,
        concurrency_key="key",
        suspend=False,
        ttl_seconds_after_finished=60,
        ttl_seconds_after_failed=60,
        created_at=NOW,
        start_after=None,
        active_deadline_seconds=None,
        deadline_at=None,
    )
    return msgspec.structs.replace(job, **changes)


def accepted() -> Iterator[tuple[str, JobState]]:
    """Every way a job can be accepted."""
    for label, job in [
        ("submit", new_job()),
        ("submit with startAfter", new_job(start_after=NOW + SECOND)),
        ("submit suspended", new_job(suspend=True)),
        ("submit", new_job(deadline_at=NOW + 60 * SECOND)),
    ]:
        yield label, transitions.accept(job, now=NOW)
    yield "submit without a permit", transitions.limited(transitions.accept(new_job(), now=NOW))


def steps(job: JobState) -> Iterator[tuple[str, JobState | None]]:
    """Every transition that may be applied to this job, with what happened in words."""
    if job.state is State.LEASED:
        yield "start", transitions.start(job, ago_seconds=0.0, now=NOW)
        for ending, label in endings(job):
            for moment in (NOW, LATER):
                yield label, transitions.end(job, ending, now=moment, jitter=0.5)
    if job.state is State.READY:
        yield "lease", transitions.grant(job, lease_id="1" * 32, session="2" * 32, worker="w", now=NOW)
    if job.reason is Reason.LIMITED:
        yield "permit handed on", transitions.permit_granted(job, now=NOW)
    yield "due", transitions.promote(job, now=LATER)
    yield "deadline passed", transitions.expire_deadline(job, now=LATER)
    yield "cancel", transitions.request_cancel(job, now=NOW)
    yield "suspend", transitions.amend(job, now=NOW, suspend=True)
    for moment in (NOW, LATER):
        yield "resume", transitions.amend(job, now=moment, suspend=False)
    yield "rerun", transitions.rerun(job, now=NOW)


def endings(job: JobState) -> Iterator[tuple[transitions.Ending, str]]:
    """Every way a lease can end. An attempt that never started can only be released, lapse, or be cancelled."""
    error = ErrorInfo(type="ValueError", message="")
    unstarted = {AttemptOutcome.RELEASED, AttemptOutcome.CANCELLED}
    for outcome in AttemptOutcome:
        if job.started_at is not None or outcome in unstarted:
            failed = outcome in {AttemptOutcome.FAILED, AttemptOutcome.TIMED_OUT}
            delay = 5.0 if outcome is AttemptOutcome.SNOOZED else None
            ending = transitions.Ending(outcome, error=error if failed else None, delay_seconds=delay)
            yield ending, outcome.value.replace("_", " ")
    if job.started_at is not None:
        yield transitions.Ending(AttemptOutcome.FAILED, error=error, retryable=False), "failed"


def kind(job: JobState) -> tuple[object, ...]:
    """What decides which transitions apply; counters only as far as a budget depends on them."""
    return (
        job.state,
        job.reason,
        job.started_at is not None,
        job.suspend,
        job.deadline_at is not None,
        job.cancel_requested_at is not None,
        min(job.attempts, RETRY.max_attempts),
        min(job.lost, RETRY.max_lost),
        job.interruptions >= MAX_INTERRUPTIONS,
        job.deliveries >= RETRY.max_deliveries,
    )


def almost_spent(job: JobState) -> Iterator[JobState]:
    """The same job with a budget used up, so that its last step is explored without walking to it."""
    yield msgspec.structs.replace(job, interruptions=MAX_INTERRUPTIONS)
    yield msgspec.structs.replace(job, deliveries=RETRY.max_deliveries)


def phase(job: JobState) -> Phase:
    return phase_of(job.state, job.reason, job.started_at)


def edges() -> list[tuple[Edge, Reason]]:
    """All edges with the reason the job has afterwards, in the order of discovery."""
    found: dict[tuple[Edge, Reason], None] = {}
    seen: set[tuple[object, ...]] = set()
    open_jobs: list[JobState] = []

    def reach(job: JobState) -> None:
        if kind(job) not in seen:
            seen.add(kind(job))
            open_jobs.append(job)

    for label, job in accepted():
        found[(START, label, phase(job).value), job.reason] = None
        reach(job)
    while open_jobs:
        job = open_jobs.pop(0)
        if job.state is State.LEASED and job.started_at is not None:
            for spent in almost_spent(job):
                reach(spent)
        for label, after in steps(job):
            if after is None:
                continue
            reach(after)
            if (phase(after), after.reason) != (phase(job), job.reason):
                found[(phase(job).value, label, phase(after).value), after.reason] = None
    return list(found)


ORDER = [START, *(p.value for p in Phase)]


def short(label: str, reason: Reason) -> str:
    """What the diagram writes at an arrow: the cause, and for a dead letter which budget ended it."""
    if reason is Reason.CANCEL_REQUESTED and label != "cancel":
        return "any end while cancelling"
    if reason is Reason.SUSPENDED and label != "suspend" and not label.startswith("submit"):
        return "any end while suspended"
    if reason.value.endswith("Exhausted") or reason in {Reason.NON_RETRYABLE, Reason.DEADLINE_EXCEEDED}:
        return reason.value
    return label


def render() -> str:
    labels: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for (before, label, after), reason in edges():
        if before != after:
            labels[before, after][short(label, reason)] = None
    lines = ["```mermaid", "stateDiagram-v2"]
    for before, after in sorted(labels, key=lambda pair: (ORDER.index(pair[0]), ORDER.index(pair[1]))):
        lines.append(f"    {before} --> {after}: {', '.join(sorted(labels[before, after]))}")
    lines += [f"    {p.value} --> [*]: pruned" for p in Phase if p.is_terminal]
    return "\n".join([*lines, "```"])


def render_table() -> str:
    """Where a job stands after each event, by reason."""
    rows = sorted({(ORDER.index(edge[0]), edge, reason) for edge, reason in edges()})
    lines = ["| phase | what happens | next phase | reason |", "|---|---|---|---|"]
    lines += [
        f"| {'(new)' if edge[0] == START else f'`{edge[0]}`'} | {edge[1]} | `{edge[2]}` | `{reason.value}` |"
        for _, edge, reason in rows
    ]
    return "\n".join(lines)
