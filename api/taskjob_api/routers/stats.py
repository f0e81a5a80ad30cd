"""Counts in one snapshot, with the conservation check (G7)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from taskjob_api.routers.access import MayListJobs, NoParameters, TheEngine, answer
from taskjob_api.routers.describe import answers
from taskjob_api.views.stats import StatsView, stats_view

router = APIRouter(tags=["stats"])


@router.get("/stats", responses=answers(StatsView))
async def get_stats(engine: TheEngine, namespace: MayListJobs, _: Annotated[NoParameters, Query()]) -> Response:
    """Jobs of each queue by state; the cost does not grow with the backlog."""
    return answer(stats_view(await engine.stats(namespace)))
