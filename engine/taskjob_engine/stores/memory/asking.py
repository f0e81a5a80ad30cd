"""People's verbs on single jobs and queues: cancel, rerun, amend, purge, put_queue."""

from __future__ import annotations

import msgspec

from taskjob.model import Micros, Queue
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import State, phase_of
from taskjob_engine.policies.ownership import is_same_object
from taskjob_engine.policies.queue_change import changed_queue
from taskjob_engine.store import Amendment, Changed, Disowning, JobRef, QueueChange, Rerun
from taskjob_engine.stores.memory.rows import JobRow
from taskjob_engine.stores.memory.tables import Tables

NOT_FOUND = Changed(outcome="not_found")


def find(db: Tables, ref: JobRef) -> JobRow | None:
    """A job of another namespace looks like a missing one."""
    row = db.jobs.get(ref.id)
    return row if row is not None and row.job.namespace == ref.namespace else None


def cancel(db: Tables, ref: JobRef, *, now: Micros) -> Changed:
    row = find(db, ref)
    if row is None:
        return NOT_FOUND
    if row.job.state in {State.COMPLETED, State.DEAD_LETTER}:
        return _refused(row, "Finished")
    after = transitions.request_cancel(row.job, now=now)
    if after is None:
        return _unchanged(row)
    db.move(row, after, now=now)
    return _changed(row)


def rerun(db: Tables, item: Rerun, *, now: Micros) -> Changed:
    row = find(db, item.ref)
    if row is None:
        return NOT_FOUND
    if item.request_id in row.reruns:
        return msgspec.structs.replace(_unchanged(row), run=row.reruns[item.request_id])
    after = transitions.rerun(row.job, now=now)
    if after is None:
        return _refused(row, "NotFinished")
    row.reruns[item.request_id] = after.run
    row.details = msgspec.structs.replace(row.details, progress=None, checkpoint=None, result=None, result_ref=None)
    db.move(row, after, now=now)
    return _changed(row)


def amend(db: Tables, item: Amendment, *, now: Micros) -> Changed:
    row = find(db, item.ref)
    if row is None:
        return NOT_FOUND
    after = transitions.amend(
        row.job,
        now=now,
        priority=item.priority,
        suspend=item.suspend,
        ttl_seconds_after_finished=item.ttl_seconds_after_finished,
        ttl_seconds_after_failed=item.ttl_seconds_after_failed,
    )
    if item.owner not in {None, row.details.owner}:
        row.details = msgspec.structs.replace(row.details, owner=item.owner)
        after = after or transitions.reported(row.job)
    if after is None:
        return _unchanged(row)
    db.move(row, after, now=now)
    return _changed(row)


def disown(db: Tables, item: Disowning, *, now: Micros) -> Changed:
    row = find(db, item.ref)
    if row is None or not is_same_object(row.details.owner, item.owner):
        return NOT_FOUND
    if item.heir is None:
        return cancel(db, item.ref, now=now)
    return amend(db, Amendment(ref=item.ref, owner=item.heir), now=now)


def purge(db: Tables, ref: JobRef) -> Changed:
    row = find(db, ref)
    if row is None:
        return NOT_FOUND
    if not row.job.state.is_terminal:
        return _refused(row, "NotFinished")
    db.remove(row)
    return _changed(row)


def put_queue(db: Tables, change: QueueChange, *, now: Micros) -> Queue:
    key = (change.namespace, change.name)
    queue = db.queues[key] = changed_queue(db.queue(key, now=now), change, now=now)
    for permit in db.permits.keys_of(*key):
        db.hand_out(permit, now=now)
    db.announce_work(key)
    return queue


def _changed(row: JobRow) -> Changed:
    return msgspec.structs.replace(_unchanged(row), outcome="changed")


def _unchanged(row: JobRow) -> Changed:
    job = row.job
    return Changed(outcome="unchanged", phase=phase_of(job.state, job.reason, job.started_at), run=job.run)


def _refused(row: JobRow, reason: str) -> Changed:
    return msgspec.structs.replace(_unchanged(row), outcome="refused", reason=reason)
