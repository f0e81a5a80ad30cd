"""Does a job match a filter? The meaning of `JobFilter`, for stores that scan and as the judge of those that index."""

from __future__ import annotations

from taskjob.model import Job
from taskjob_engine.store import JobFilter


def matches(job: Job, where: JobFilter) -> bool:
    """All given conditions hold. Labels are compared for equality; a job may carry more."""
    return (
        job.namespace == where.namespace
        and (where.queue is None or job.queue == where.queue)
        and (where.task is None or job.task == where.task)
        and (not where.phases or job.phase in where.phases)
        and all(job.labels.get(name) == value for name, value in where.labels.items())
        and (where.name is None or job.name == where.name)
        and (not where.ids or job.id in where.ids)
        and (where.created_after is None or job.created_at >= where.created_after)
        and (where.created_before is None or job.created_at < where.created_before)
        and (where.finished_before is None or (job.finished_at is not None and job.finished_at < where.finished_before))
    )
