"""Who works: the sessions of worker processes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from taskjob_api.routers.access import MayListQueues, NoParameters, TheEngine, answer
from taskjob_api.routers.describe import answers
from taskjob_api.views.workers import WorkerList, worker_view

router = APIRouter(tags=["workers"])


@router.get("/workers", responses=answers(WorkerList))
async def list_workers(engine: TheEngine, namespace: MayListQueues, _: Annotated[NoParameters, Query()]) -> Response:
    """Workers: the live sessions, and those that ended within the last minute."""
    return answer(WorkerList(items=[worker_view(worker) for worker in await engine.workers(namespace)]))
