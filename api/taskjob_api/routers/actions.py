"""One action on many jobs: a preview first, then the same snapshot."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from taskjob.spec import read_model
from taskjob.spec.strict import StrictModel
from taskjob_api.routers.access import MayChangeManyJobs, NoParameters, TheEngine, answer, json_of
from taskjob_api.routers.describe import answers, takes
from taskjob_api.routers.filters import JobSelector, job_filter
from taskjob_api.views.actions import ActionResult
from taskjob_engine.bulk import BulkAction

router = APIRouter(tags=["jobs"])

ACTION_SECONDS = 15.0
"""Longest one call acts; what is left is continued with the token of its answer."""


class ActionDocument(StrictModel):
    """What to do with which jobs."""

    action: Literal["cancel", "rerun", "purge"]
    filter: JobSelector | None = None
    preview: bool = False
    """Count what would change, and change nothing."""


class ContinueDocument(StrictModel):
    """The token of a preview, to act on exactly what it counted, or of an action that did not finish."""

    token: Annotated[str, Field(min_length=1, max_length=8000)]


@router.post("/jobs/actions", responses=answers(ActionResult), openapi_extra=takes(ActionDocument, ContinueDocument))
async def act_on_jobs(
    request: Request, engine: TheEngine, namespace: MayChangeManyJobs, _: Annotated[NoParameters, Query()]
) -> Response:
    """Cancel live jobs, or rerun or purge finished ones (dead letters unless the filter names phases)."""
    raw = await json_of(request)
    if isinstance(raw, dict) and "token" in raw:
        return answer(await _run(engine, namespace, read_model(ContinueDocument, raw).token))
    document = read_model(ActionDocument, raw)
    meant = await engine.preview(job_filter(namespace, document.filter or JobSelector()), BulkAction(document.action))
    if document.preview:
        found = ActionResult(
            action=document.action,
            preview=True,
            matched=meant.count,
            at_least=meant.at_least,
            changed=0,
            skipped=0,
            token=meant.token,
        )
        return answer(found)
    return answer(await _run(engine, namespace, meant.token, action=document.action, matched=meant.count))


async def _run(
    engine: TheEngine,
    namespace: str,
    token: str,
    *,
    action: Literal["cancel", "rerun", "purge"] | None = None,
    matched: int | None = None,
) -> ActionResult:
    """Step after step until all is done or the time is over; other calls are served between two steps."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + ACTION_SECONDS
    changed = skipped = 0
    following: str | None = token
    while following is not None and (following is token or loop.time() < ends):
        step = await engine.execute(namespace, following)
        changed, skipped, following = changed + step.changed, skipped + step.skipped, step.token
    return ActionResult(
        action=action, preview=False, matched=matched, changed=changed, skipped=skipped, token=following
    )
