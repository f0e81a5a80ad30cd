"""Whose word about a lease counts, and why another's does not (G3). Pure.

A settle is accepted only by the lease that stands; a repeat of one that was recorded is `replayed`; anything
else is stale with a reason that a machine can read.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from taskjob.model import AttemptOutcome, ErrorInfo
from taskjob_engine.lifecycle.state import JobState

LEASE_EXPIRED = ErrorInfo(type="LeaseExpired", message="the worker stopped renewing its session")
ATTEMPT_TIMED_OUT = ErrorInfo(type="AttemptTimedOut", message="the attempt passed its time and was not settled")
INCARNATION_CHANGED = ErrorInfo(type="IncarnationChanged", message="the store was restored; its leases were voided")
"""Errors in the attempt records that a store ends by itself."""

_REASON_BY_ERROR = {
    LEASE_EXPIRED.type: "Expired",
    ATTEMPT_TIMED_OUT.type: "Expired",
    INCARNATION_CHANGED.type: "IncarnationChanged",
}
_REASON_BY_OUTCOME = {
    AttemptOutcome.LOST: "Expired",
    AttemptOutcome.RELEASED: "Released",
    AttemptOutcome.INTERRUPTED: "Released",
}


class PastDelivery(NamedTuple):
    """What an ended delivery's record says of its lease. `error_type` is that of the attempt's error."""

    session: str
    outcome: AttemptOutcome
    error_type: str | None = None


class Fence(NamedTuple):
    verdict: Literal["accepted", "replayed", "stale"]
    reason: str | None = None


ACCEPTED = Fence("accepted")
REPLAYED = Fence("replayed")


def fence_settle(  # noqa: PLR0911 - one return a verdict
    job: JobState | None,
    *,
    lease: str,
    session: str,
    principal: str,
    session_principal: str | None,
    outcome: AttemptOutcome,
    past: PastDelivery | None,
) -> Fence:
    """Judge a settle by (lease, session, principal).

    `session_principal` is the principal of the named session, None where the store does not know the session
    (any more). `past` is the job's ended delivery of this lease, in any run.
    """
    if job is None:
        return Fence("stale", "UnknownJob")
    if job.lease_id is not None and job.lease_id == lease:
        if job.session != session or session_principal != principal:
            return Fence("stale", "WrongWorker")
        return ACCEPTED
    if past is None:
        return Fence("stale", "Superseded")
    if past.session != session or session_principal not in {None, principal}:
        return Fence("stale", "WrongWorker")
    if past.outcome is outcome:
        return REPLAYED
    return Fence("stale", past_reason(past))


def lost_reason(job: JobState | None, past: PastDelivery | None) -> str:
    """Why a lease that a worker still names (holding, started, progress) is not its own any more."""
    if job is None:
        return "UnknownJob"
    return "Superseded" if past is None else past_reason(past)


def past_reason(past: PastDelivery) -> str:
    by_error = _REASON_BY_ERROR.get(past.error_type or "")
    return by_error or _REASON_BY_OUTCOME.get(past.outcome, "Finished")
