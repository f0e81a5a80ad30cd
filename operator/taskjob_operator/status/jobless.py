"""Statuses of TaskJobs that have no job to show: waiting to be accepted, refused, or forgotten by the engine."""

from __future__ import annotations

import re

import msgspec

from taskjob.model import Micros, format_time
from taskjob_operator.status import conditions
from taskjob_operator.status.document import EXPIRED, MAX_MESSAGE, TERMINAL, TaskJobStatus, bounded
from taskjob_operator.status.redact import redacted_line

API_UNAVAILABLE = "ApiUnavailable"
PREDECESSOR_STOPPING = "PredecessorStopping"
_WORD = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")


def waiting(reason: str, message: str, *, generation: int, now: Micros) -> TaskJobStatus:
    """Not accepted yet; the world may mend it."""
    reason, message = _word(reason), _line(message)
    return TaskJobStatus(
        phase="Submitted",
        reason=reason,
        message=message,
        conditions=conditions.not_accepted(reason, message, generation=generation, now=now),
        observed_generation=generation,
    )


def rejected(code: str, message: str, *, generation: int, run: int, now: Micros) -> TaskJobStatus:
    """Final."""
    reason, message = _word(code), _line(message)
    return TaskJobStatus(
        phase="Rejected",
        reason=reason,
        message=message,
        conditions=conditions.refused(reason, message, generation=generation, now=now),
        observed_generation=generation,
        run=run,
        finished_at=format_time(now),
    )


def expired(last: TaskJobStatus, *, generation: int, now: Micros) -> TaskJobStatus:
    """`last` is what the object says. An outcome that is written down stays; where none is, the last phase stays too,
    for nobody knows a truer one, and the reason says that this is final."""
    if last.phase in TERMINAL or last.reason == EXPIRED:
        return answering(last, generation)
    message = "the engine no longer keeps the job, and its outcome was not read in time"
    return msgspec.structs.replace(
        last,
        reason=EXPIRED,
        message=message,
        conditions=conditions.forgotten(EXPIRED, message, generation=generation, now=now),
        observed_generation=generation,
        finished_at=format_time(now),
    )


def answering(last: TaskJobStatus, generation: int) -> TaskJobStatus:
    """The same status, said of a later spec."""
    return msgspec.structs.replace(
        last,
        observed_generation=generation,
        conditions=tuple(msgspec.structs.replace(one, observed_generation=generation) for one in last.conditions),
    )


def _word(code: str) -> str:
    return code if _WORD.fullmatch(code) else "Refused"


def _line(message: str) -> str:
    return bounded(redacted_line(message), MAX_MESSAGE)
