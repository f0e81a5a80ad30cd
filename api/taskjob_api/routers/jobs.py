"""Reading jobs and acting on one of them. Submits are hot and stand in `submit_route`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from taskjob.errors import ConflictError
from taskjob.model import Job, Phase, new_job_id
from taskjob.spec.strict import Key, Priority, Retention, StrictModel
from taskjob_api.job_documents import check_key
from taskjob_api.routers.access import (
    JobId,
    MayChangeJob,
    MayGetJob,
    MayListJobs,
    NoParameters,
    TheEngine,
    answer,
    api_state,
    body_of,
    refuse_body,
    unknown_job,
)
from taskjob_api.routers.describe import answers, takes
from taskjob_api.routers.filters import JobSelector, job_filter
from taskjob_api.settings import MAX_WAIT_SECONDS
from taskjob_api.views.artifacts import ArtifactList, artifact_view
from taskjob_api.views.history import AttemptList, attempt_view
from taskjob_api.views.jobs import JobPage, JobView, job_view
from taskjob_engine.engine import Engine
from taskjob_engine.policies.explain import Answer
from taskjob_engine.store import Amendment, Changed, JobRef, Rerun

router = APIRouter(tags=["jobs"])
alias = APIRouter(tags=["jobs"])


class JobListQuery(JobSelector):
    limit: Annotated[int, Field(ge=1, le=200, strict=False)] = 50
    cursor: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class WaitQuery(StrictModel):
    wait: Annotated[int, Field(ge=0, le=MAX_WAIT_SECONDS, strict=False)] = 0
    """Answer as soon as the job is finished, or after so many seconds as it is then."""


class RerunDocument(StrictModel):
    request_id: Key | None = None
    """The same id starts one run, however often it is sent; the Idempotency-Key header says the same."""


class AmendDocument(StrictModel):
    """The mutable fields of a job; null and absent leave a field alone."""

    priority: Priority | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: Retention | None = None
    ttl_seconds_after_failed: Retention | None = None


@alias.get("/jobs", responses=answers(JobPage))
@router.get("/jobs", responses=answers(JobPage))
async def list_jobs(
    request: Request, engine: TheEngine, namespace: MayListJobs, query: Annotated[JobListQuery, Query()]
) -> Response:
    """Jobs that match, newest first. `nextCursor` and the Link header lead to the next page."""
    page = await engine.jobs(job_filter(namespace, query), limit=query.limit, cursor=query.cursor)
    headers = {}
    if page.cursor is not None:
        following = {**dict(request.query_params), "cursor": page.cursor}
        headers["link"] = f'<{request.url.path}?{urlencode(following)}>; rel="next"'
    return answer(JobPage(items=[job_view(job) for job in page.jobs], next_cursor=page.cursor), headers=headers)


@alias.get("/jobs/{job_id}", responses=answers(JobView))
@router.get("/jobs/{job_id}", responses=answers(JobView))
async def get_job(
    request: Request, engine: TheEngine, namespace: MayGetJob, job_id: JobId, query: Annotated[WaitQuery, Query()]
) -> Response:
    """One job; with `wait`, as soon as it is finished."""
    ref = JobRef(namespace=namespace, id=job_id)
    if query.wait == 0:
        return answer(job_view(await _found(engine, ref)))
    lifetime = api_state(request).lifetime
    job = await lifetime.unless_stopping(engine.wait(ref, seconds=query.wait))
    return answer(job_view(job if job is not None else await _found(engine, ref)))


@router.patch("/jobs/{job_id}", responses=answers(JobView), openapi_extra=takes(AmendDocument))
async def amend_job(request: Request, engine: TheEngine, namespace: MayChangeJob, job_id: JobId) -> Response:
    """Change priority, suspend or retention; everything else of a job is immutable."""
    change = await body_of(request, AmendDocument)
    ref = JobRef(namespace=namespace, id=job_id)
    amendment = Amendment(
        ref=ref,
        priority=change.priority,
        suspend=change.suspend,
        ttl_seconds_after_finished=change.ttl_seconds_after_finished,
        ttl_seconds_after_failed=change.ttl_seconds_after_failed,
    )
    [verdict] = await engine.amend([amendment])
    return await _changed(engine, ref, verdict, "amended")


@router.post("/jobs/{job_id}/cancel", responses=answers(JobView))
async def cancel_job(
    request: Request, engine: TheEngine, namespace: MayChangeJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """Cancel a job: at once where it waits; one that runs is told, and cancelled when its attempt ends."""
    await refuse_body(request)
    ref = JobRef(namespace=namespace, id=job_id)
    [verdict] = await engine.cancel([ref])
    return await _changed(engine, ref, verdict, "cancelled")


@router.post("/jobs/{job_id}/rerun", responses=answers(JobView), openapi_extra=takes(RerunDocument, required=False))
async def rerun_job(
    request: Request, engine: TheEngine, namespace: MayChangeJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """Run a finished job again, as its next run: counters begin anew, history is kept."""
    document = await body_of(request, RerunDocument, optional=True)
    header = request.headers.get("idempotency-key")
    request_id = document.request_id or (check_key(header) if header is not None else new_job_id())
    ref = JobRef(namespace=namespace, id=job_id)
    [verdict] = await engine.rerun([Rerun(ref=ref, request_id=request_id)])
    return await _changed(engine, ref, verdict, "run again")


@router.get("/jobs/{job_id}/attempts", responses=answers(AttemptList))
async def list_attempts(
    engine: TheEngine, namespace: MayGetJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """Every delivery of every run, oldest first."""
    ref = JobRef(namespace=namespace, id=job_id)
    attempts = await engine.attempts(ref)
    if not attempts:
        await _found(engine, ref)
    return answer(AttemptList(items=[attempt_view(attempt) for attempt in attempts]))


@router.get("/jobs/{job_id}/artifacts", responses=answers(ArtifactList))
async def list_artifacts(
    engine: TheEngine, namespace: MayGetJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """What the job's deliveries left, oldest first: its result and a log of each delivery that wrote one."""
    ref = JobRef(namespace=namespace, id=job_id)
    found = await engine.artifacts(ref)
    if found is None:
        raise unknown_job(ref)
    path = f"/v1/namespaces/{namespace}/jobs/{job_id}"
    return answer(ArtifactList(items=[artifact_view(artifact, path) for artifact in found]))


@router.get("/jobs/{job_id}/result", responses={200: {"description": "Any JSON", "content": {"application/json": {}}}})
async def get_result(
    engine: TheEngine, namespace: MayGetJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """What the task returned; 409 while the job has not completed."""
    ref = JobRef(namespace=namespace, id=job_id)
    job = await _found(engine, ref)
    if job.phase is not Phase.COMPLETED:
        raise ConflictError(
            f"the job is {job.phase}, it has no result", reason="NotCompleted", hint="GET jobs/{id}?wait=30"
        )
    return Response(await engine.result(ref) or b"null", media_type="application/json")


@router.get("/jobs/{job_id}/explain", responses=answers(Answer))
async def explain_job(
    engine: TheEngine, namespace: MayGetJob, job_id: JobId, _: Annotated[NoParameters, Query()]
) -> Response:
    """Why the job is where it is, its position, a rough estimate, and what to do."""
    ref = JobRef(namespace=namespace, id=job_id)
    explanation = await engine.explain(ref)
    if explanation is None:
        raise unknown_job(ref)
    return answer(explanation)


async def _found(engine: Engine, ref: JobRef) -> Job:
    job = await engine.get(ref)
    if job is None:
        raise unknown_job(ref)
    return job


async def _changed(engine: Engine, ref: JobRef, verdict: Changed, verb: str) -> Response:
    if verdict.outcome == "not_found":
        raise unknown_job(ref)
    if verdict.outcome == "refused":
        raise ConflictError(f"a job that is {verdict.phase} cannot be {verb}", reason=verdict.reason)
    return answer(job_view(await _found(engine, ref)))
