"""Accepting jobs: idempotency key, quota, resolution, first placement."""

from __future__ import annotations

import msgspec

from taskjob.errors import InvalidError
from taskjob.model import Micros
from taskjob_engine.lifecycle import transitions
from taskjob_engine.policies.queue_change import new_queue
from taskjob_engine.policies.resolve import details_of, resolve
from taskjob_engine.store import Submission, Submitted
from taskjob_engine.stores.memory.rows import JobRow, KeyRow
from taskjob_engine.stores.memory.tables import Tables


def submit(db: Tables, item: Submission, *, create_queues: bool, now: Micros) -> Submitted:
    return _known(db, item, now=now) or _refused(db, item, now=now) or _create(db, item, create_queues, now=now)


def _known(db: Tables, item: Submission, *, now: Micros) -> Submitted | None:
    key = None if item.idempotency_key is None else db.keys.get((item.namespace, item.idempotency_key))
    if key is not None and (key.expires_at is None or key.expires_at > now):
        return Submitted(
            outcome="existing" if key.document_hash == item.document_hash else "conflict",
            id=key.job,
        )
    same_id = db.jobs.get(item.id)
    if same_id is None:
        return None
    return Submitted(outcome="existing" if same_id.job.namespace == item.namespace else "conflict", id=item.id)


def _refused(db: Tables, item: Submission, *, now: Micros) -> Submitted | None:
    try:
        _check_text(item)
        resolve(item, new_queue(item.namespace, item.queue, now=now).job_defaults, now=now)
    except (InvalidError, UnicodeEncodeError) as error:
        return Submitted(outcome="rejected", id=item.id, code=InvalidError.code, detail=str(error))
    queue = (item.namespace, item.queue)
    most = db.limits(queue).max_live_jobs
    if most is not None and db.ledger.live(queue) >= most:
        detail = f"queue {item.queue!r} has {most} live jobs, its limit (maxLiveJobs)"
        return Submitted(outcome="rejected", id=item.id, code="QuotaExceeded", detail=detail)
    return None


def _create(db: Tables, item: Submission, create_queues: bool, *, now: Micros) -> Submitted:  # noqa: FBT001
    key = (item.namespace, item.queue)
    queue = db.queue(key, now=now)
    if queue is None and create_queues:
        queue = db.queues[key] = new_queue(*key, now=now)
    job = resolve(item, (queue or new_queue(*key, now=now)).job_defaults, now=now)
    row = JobRow(job=job, details=details_of(item))
    if item.idempotency_key is not None:
        db.keys[item.namespace, item.idempotency_key] = KeyRow(item.id, item.document_hash)
    db.add(row, transitions.accept(job, now=now), now=now)
    return Submitted(outcome="created", id=item.id)


def _check_text(item: Submission) -> None:
    """Text that is no Unicode (a lone surrogate) cannot be stored: `UnicodeEncodeError`."""
    msgspec.json.encode(
        (item.namespace, item.queue, item.task, item.name, item.labels, item.concurrency_key, item.owner)
    )
