"""What must hold between two looks at a job, and at any one of them (G2, G4)."""

from __future__ import annotations

import msgspec

from taskjob.model import Job
from taskjob_engine.store import Explanation, QueueLoad


def check_g2(before: Job | None, job: Job) -> None:
    """Runs and revisions only grow, nothing changes without a revision, and terminal absorbs within a run."""
    if before is None:
        return
    assert job.run >= before.run
    assert job.revision > before.revision or job == before, "a change without a revision"
    if before.phase.is_terminal and job.run == before.run:
        assert (job.phase, job.finished_at) == (before.phase, before.finished_at)


def check_g4(job: Job) -> None:
    retry = job.retry
    assert job.attempts <= retry.max_attempts
    assert job.lost <= retry.max_lost
    assert job.interruptions <= 20
    assert job.deliveries <= retry.max_attempts + retry.max_lost + 20 + 20


def facts(told: Explanation | None) -> tuple[object, ...] | None:
    """What every store must know; the recent rate is only as good as its bookkeeping."""
    if told is None:
        return None
    return (
        told.job,
        told.ahead,
        told.permit_holders,
        told.workers,
        told.capable_workers,
        told.free_slots,
        told.running_in_queue,
        told.rate_retry_after_seconds,
    )


def loads(told: list[QueueLoad]) -> list[tuple[object, ...]]:
    """All but when `default` was first stored, which is each store's own business."""
    return [
        (
            msgspec.structs.replace(load, queue=None),
            load.queue and msgspec.structs.replace(load.queue, created_at=0),
        )
        for load in told
    ]
