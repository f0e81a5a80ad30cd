"""`jobs/changes`: the dirty set of one cluster, as a long poll."""

from __future__ import annotations

from taskjob.wire.operator_messages import ChangedJob, JobsChanged, ReadChanges
from taskjob_api.lifetime import Lifetime
from taskjob_api.operator_door.snapshot import snapshot
from taskjob_engine.engine import Engine
from taskjob_engine.store import DirtyJob


async def read_changes(engine: Engine, lifetime: Lifetime, request: ReadChanges) -> JobsChanged:
    waiting = engine.changes(request.cluster_id, request.ack, request.limit, seconds=request.wait_seconds)
    # A process that stops tells nothing rather than making the operator wait.
    rows = await lifetime.unless_stopping(waiting) or []
    return JobsChanged(incarnation=engine.standing().incarnation, changes=tuple(map(_told, rows)))


def _told(row: DirtyJob) -> ChangedJob:
    job = None if row.job is None else snapshot(row.job)
    return ChangedJob(owner=row.owner, job_id=row.job_id, version=row.version, job=job)
