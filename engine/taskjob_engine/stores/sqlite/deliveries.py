"""The end of one delivery, whoever tells it: attempt record, next state, permit, result and rate cell together.

A plain completion (`settle`) writes no row of `attempt`: the job's own row goes on telling its last delivery, and
moves into the table when the job changes once more (`UNFOLD`).
"""

from __future__ import annotations

import msgspec

from taskjob.model import AttemptOutcome, ErrorInfo
from taskjob_engine.lifecycle import rate, transitions
from taskjob_engine.lifecycle.fencing import PastDelivery
from taskjob_engine.lifecycle.history import ended_attempt
from taskjob_engine.lifecycle.state import JobState, State
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.stores.sqlite import permits
from taskjob_engine.stores.sqlite.rows import Loaded, write_error
from taskjob_engine.stores.sqlite.transaction import Transaction

_PAST = """
SELECT session, outcome, error FROM attempt WHERE job_pk = ?1 AND lease_id = ?2
UNION ALL SELECT session, 'completed', NULL FROM job WHERE pk = ?1 AND state = 'completed' AND lease_id = ?2
"""

_error = msgspec.json.Decoder(ErrorInfo)


def end_delivery(
    tx: Transaction,
    loaded: Loaded,
    ending: Ending,
    *,
    result: bytes | None = None,
    result_ref: str | None = None,
) -> JobState:
    """The job is LEASED and the caller may speak for its lease. Returns the record as stored."""
    job = loaded.job
    attempt = ended_attempt(job, ending, now=tx.now)
    tx.record_attempt(
        (
            loaded.pk,
            attempt.run,
            attempt.number,
            job.lease_id,
            job.session,
            attempt.worker,
            attempt.leased_at,
            attempt.started_at,
            attempt.finished_at,
            ending.outcome.value,
            write_error(attempt.error),
        )
    )
    if ending.outcome is AttemptOutcome.RELEASED:
        _refund(tx, loaded.queue_id)
    after = transitions.end(job, ending, now=tx.now, jitter=tx.random())
    if after.state is State.COMPLETED:
        keep_result(tx, loaded.pk, result, result_ref)
    return permits.keep(tx, loaded, after)


def keep_result(tx: Transaction, pk: int, result: bytes | None, result_ref: str | None) -> None:
    if result is not None:
        tx.connection.execute("INSERT OR REPLACE INTO result VALUES (?, ?)", (pk, result))
    if result_ref is not None:
        tx.connection.execute("UPDATE job SET result_ref = ? WHERE pk = ?", (result_ref, pk))


def past_delivery(tx: Transaction, pk: int, lease: str) -> PastDelivery | None:
    """The job's ended delivery of this lease, in any run."""
    tx.flush_rows()
    found = tx.select(_PAST, (pk, lease))
    if not found:
        return None
    session, outcome, error = found[0]
    return PastDelivery(session, AttemptOutcome(outcome), None if error is None else _error.decode(error).type)


def leases_of(tx: Transaction, session: str) -> list[Loaded]:
    """The session's leased jobs, by id."""
    tx.flush_rows()
    found = tx.select("SELECT pk FROM job WHERE state = 'leased' AND session = ?", (session,))
    return sorted(tx.load_pks([row[0] for row in found]), key=lambda loaded: loaded.job.id)


def _refund(tx: Transaction, queue_id: int) -> None:
    entry = tx.catalog.queues[queue_id]
    limit = entry.queue.limits.rate_per_second
    if limit is not None:
        tx.catalog.set_rate_cell(queue_id, rate.refunded(entry.rate_cell, 1, rate=limit))
