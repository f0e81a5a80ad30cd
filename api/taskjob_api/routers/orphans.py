"""Orphans: jobs whose TaskJob is gone, too many at once for the operator to cancel them unasked."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from taskjob.errors import ForbiddenError, NotFoundError
from taskjob.spec.strict import StrictModel
from taskjob_api.auth import Caller
from taskjob_api.operator_door.orphans import OrphanReport
from taskjob_api.rights import Right
from taskjob_api.routers.access import NoParameters, TheEngine, answer, api_state, body_of, caller_of
from taskjob_api.routers.describe import answers, takes
from taskjob_api.views.orphans import OrphanList, OrphanReportView, orphan_view

router = APIRouter(prefix="/v1", tags=["orphans"])


class ConfirmDocument(StrictModel):
    """What a person saw: no more than that is let go."""

    cluster_id: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[!-~]+$")]
    total: Annotated[int, Field(ge=1, le=2_147_483_647)]


@router.get("/orphans", responses=answers(OrphanList))
async def list_orphans(request: Request, _: Annotated[NoParameters, Query()]) -> Response:
    """What operators hold back, of clusters all of whose concerned namespaces are the caller's to administer."""
    reports = api_state(request).orphans.all()
    mine = await asyncio.gather(*(_may(caller_of(request), report) for report in reports))
    return answer(OrphanList(items=[orphan_view(it) for it, may in zip(reports, mine, strict=True) if may]))


@router.post("/orphans/confirm", responses=answers(OrphanReportView), openapi_extra=takes(ConfirmDocument))
async def confirm_orphans(request: Request, engine: TheEngine, _: Annotated[NoParameters, Query()]) -> Response:
    """Let the operator of a cluster cancel the orphans that it reported, up to as many as were seen."""
    document = await body_of(request, ConfirmDocument)
    orphans = api_state(request).orphans
    reports = [report for report in orphans.all() if report.cluster_id == document.cluster_id]
    if not (reports and await _may(caller_of(request), reports[0])):
        raise NotFoundError(
            f"cluster {document.cluster_id!r} has reported no orphans, or not yours", hint="taskjob orphans list"
        )
    confirmed = orphans.confirm(document.cluster_id, document.total)
    engine.recorder.orphans_reported(document.cluster_id, 0)
    return answer(orphan_view(confirmed))


async def _may(caller: Caller, report: OrphanReport) -> bool:
    """Whoever may lose nothing of it sees nothing of it: foreign and missing look the same."""
    try:
        await asyncio.gather(*(caller.require(Right.CONFIRM_ORPHANS, name) for name in report.concerned))
    except (NotFoundError, ForbiddenError):
        return False
    return True
