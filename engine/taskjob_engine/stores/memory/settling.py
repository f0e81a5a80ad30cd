"""A settle: judged by its fence, then the delivery ends."""

from __future__ import annotations

from taskjob.model import Micros
from taskjob_engine.lifecycle.fencing import fence_settle
from taskjob_engine.lifecycle.state import phase_of
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.store import Settled, Settlement, SettleVerdict
from taskjob_engine.stores.memory.ending import end_delivery
from taskjob_engine.stores.memory.tables import Tables


def settle(db: Tables, item: Settlement, *, now: Micros, jitter: float) -> Settled:
    row = db.jobs.get(item.job)
    session = db.sessions.get(item.session)
    if row is not None and session is not None and session.namespace != row.job.namespace:
        row = None
    fence = fence_settle(
        None if row is None else row.job,
        lease=item.lease,
        session=item.session,
        principal=item.principal,
        session_principal=None if session is None else session.principal,
        outcome=item.outcome,
        past=None if row is None else row.past.get(item.lease),
    )
    if row is None or fence.verdict != "accepted":
        return Settled(verdict=SettleVerdict(fence.verdict), reason=fence.reason)
    ending = Ending(
        item.outcome,
        error=item.error,
        retryable=item.retryable,
        delay_seconds=item.delay_seconds,
        duration_seconds=item.duration_seconds,
    )
    end_delivery(
        db,
        row,
        ending,
        now=now,
        jitter=jitter,
        result=item.result,
        result_ref=item.result_ref,
    )
    job = row.job
    return Settled(
        verdict=SettleVerdict.ACCEPTED,
        phase=phase_of(job.state, job.reason, job.started_at),
        namespace=job.namespace,
        queue=job.queue,
        task=job.task,
    )
