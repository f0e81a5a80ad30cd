"""What a worker says instead of a settle whose result the server does not take.

The lease stands after such a verdict, and the task would return the same again: the delivery fails for good, with
the reason, rather than stay leased until its time-out.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from taskjob.model.job import AttemptOutcome, ErrorInfo
from taskjob.wire.messages import Settle, Verdict

_ERRORS = {
    "TooLarge": ErrorInfo(type="ResultTooLarge", message="the server does not keep a result as large as this"),
    "InvalidResult": ErrorInfo(type="InvalidResult", message="the result is no JSON that every reader can take"),
}


def settled_otherwise(settles: Iterable[Settle], verdicts: Iterable[Verdict]) -> dict[tuple[str, str], Settle]:
    """By (job, lease): the settles to send in place of those that were rejected for their results."""
    reasons = {(told.job, told.lease): told.reason for told in verdicts if told.verdict == "rejected"}
    if not reasons:
        return {}
    instead = {}
    for settle in settles:
        key = (settle.job, settle.lease)
        error = _ERRORS.get(reasons.get(key) or "")
        if error is not None and settle.result is not msgspec.UNSET:
            instead[key] = Settle(
                job=settle.job,
                lease=settle.lease,
                outcome=AttemptOutcome.FAILED,
                error=error,
                retryable=False,
                duration_seconds=settle.duration_seconds,
            )
    return instead
