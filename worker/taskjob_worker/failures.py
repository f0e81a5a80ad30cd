"""One line for the worker's own log when an attempt fails: which job, what went wrong, and what follows, where the
worker can know it. The whole story (traceback, log, history) is the server's. Pure.
"""

from __future__ import annotations

from taskjob.ending import Ending
from taskjob.model.job import AttemptOutcome
from taskjob.wire.messages import Grant

MESSAGE_CHARACTERS = 300

_VERBS = {
    AttemptOutcome.FAILED: "failed",
    AttemptOutcome.TIMED_OUT: "timed out",
    AttemptOutcome.CRASHED: "crashed",
}


def failure_line(grant: Grant, ending: Ending) -> str | None:
    """None where nothing went wrong (an end that a drain, a cancel or a snooze brought is no failure)."""
    verb = _VERBS.get(ending.outcome)
    if verb is None:
        return None
    what = f"job {grant.job}: {grant.task} {verb} on attempt {grant.attempt}/{grant.max_attempts}"
    if ending.error is not None:
        what += f": {_one_line(f'{ending.error.type}: {ending.error.message}')}"
    following = _following(grant, ending)
    return f"{what}; {following}" if following else what


def _following(grant: Grant, ending: Ending) -> str:
    """Empty where the job's policy decides, which the worker does not know."""
    if ending.outcome is AttemptOutcome.CRASHED:
        return "counted as lost, not as an attempt"
    if not ending.retryable:
        return "no retry: it would fail again"
    if grant.attempt >= grant.max_attempts:
        return "that was the last attempt"
    return "" if ending.delay_seconds is None else f"again in {ending.delay_seconds:g} s"


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MESSAGE_CHARACTERS else flat[: MESSAGE_CHARACTERS - 1] + "…"
