"""`jobs/owned` and `orphans`: what the sweep for jobs without objects reads, and the brake that a person releases."""

from __future__ import annotations

from taskjob.errors import InvalidError
from taskjob.wire.operator_messages import OrphansReported, OwnedJob, OwnedJobs, ReadOwned, ReportOrphans
from taskjob_api.operator_door.orphans import OrphanReport, Orphans
from taskjob_api.operator_door.owners import check_owner
from taskjob_engine.engine import Engine


async def read_owned(engine: Engine, request: ReadOwned) -> OwnedJobs:
    page = await engine.owned(request.cluster_id, after=request.after, limit=request.limit)
    jobs = tuple(OwnedJob(job=job.id, owner=job.owner, created_at=job.created_at) for job in page)
    return OwnedJobs(now=engine.now(), jobs=jobs, after=jobs[-1].job if len(jobs) == request.limit else None)


async def report_orphans(engine: Engine, orphans: Orphans, request: ReportOrphans) -> OrphansReported:
    for number, job in enumerate(request.jobs):
        check_owner(job.owner, f"/jobs/{number}/owner")
    if request.total < len(request.jobs):
        raise InvalidError("total is less than what is listed", field="/total")
    if request.total and not (request.jobs or request.namespaces):
        raise InvalidError("say which jobs or namespaces are concerned", field="/namespaces")
    told = OrphanReport(
        cluster_id=request.cluster_id,
        total=request.total,
        jobs=request.jobs,
        namespaces=request.namespaces,
        reported_at=engine.now(),
    )
    confirmed = orphans.report(told)
    engine.recorder.orphans_reported(request.cluster_id, 0 if confirmed else request.total)
    return OrphansReported(confirmed=confirmed)
