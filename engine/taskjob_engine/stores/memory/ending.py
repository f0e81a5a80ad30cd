"""The end of one delivery, whoever tells it: attempt record, next state, lease and rate cell together."""

from __future__ import annotations

import msgspec

from taskjob.model import AttemptOutcome, Micros
from taskjob_engine.lifecycle import rate, transitions
from taskjob_engine.lifecycle.fencing import PastDelivery
from taskjob_engine.lifecycle.history import ended_attempt
from taskjob_engine.lifecycle.state import State
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.stores.memory.rows import JobRow
from taskjob_engine.stores.memory.tables import Tables


def end_delivery(
    db: Tables,
    row: JobRow,
    ending: Ending,
    *,
    now: Micros,
    jitter: float,
    result: bytes | None = None,
    result_ref: str | None = None,
) -> None:
    """`row` is LEASED and the caller may speak for its lease."""
    job = row.job
    row.attempts.append(ended_attempt(job, ending, now=now))
    row.past[job.lease_id or ""] = PastDelivery(
        session=job.session or "",
        outcome=ending.outcome,
        error_type=None if ending.error is None else ending.error.type,
    )
    row.lease_seq = None
    if ending.outcome is AttemptOutcome.RELEASED:
        _refund(db, row)
    after = transitions.end(job, ending, now=now, jitter=jitter)
    if after.state is State.COMPLETED:
        row.details = msgspec.structs.replace(row.details, result=result, result_ref=result_ref)
    db.move(row, after, now=now)


def _refund(db: Tables, row: JobRow) -> None:
    limit = db.limits(row.queue_key).rate_per_second
    if limit is not None:
        db.rate_cells[row.queue_key] = rate.refunded(db.rate_cells[row.queue_key], 1, rate=limit)
