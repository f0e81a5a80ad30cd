"""`jobs/disown`: what becomes of the jobs of objects that are gone."""

from __future__ import annotations

from typing import Literal

from taskjob.errors import InvalidError
from taskjob.wire.operator_messages import DisownedJob, DisownJobs, JobsDisowned
from taskjob_api.operator_door.owners import check_owner
from taskjob_engine.engine import Engine
from taskjob_engine.store import Changed, Disowning, JobRef

Outcome = Literal["cancelled", "inherited", "finished", "not_owned"]


async def disown_jobs(engine: Engine, request: DisownJobs) -> JobsDisowned:
    items = [_disowning(item, f"/jobs/{number}") for number, item in enumerate(request.jobs)]
    verdicts = await engine.disown(items) if items else []
    return JobsDisowned(outcomes=tuple(_outcome(item, verdict) for item, verdict in zip(items, verdicts, strict=True)))


def _disowning(item: DisownedJob, field: str) -> Disowning:
    check_owner(item.owner, f"{field}/owner")
    if item.heir is not None:
        check_owner(item.heir, f"{field}/heir")
        if item.heir.namespace != item.owner.namespace:
            raise InvalidError("a job stays in its namespace", field=f"{field}/heir/namespace")
    return Disowning(ref=JobRef(namespace=item.owner.namespace, id=item.job), owner=item.owner, heir=item.heir)


def _outcome(item: Disowning, verdict: Changed) -> Outcome:
    if verdict.outcome == "not_found":
        return "not_owned"
    if item.heir is not None:
        return "inherited"
    ended_before = verdict.outcome != "changed" and verdict.phase is not None and verdict.phase.is_terminal
    return "finished" if ended_before else "cancelled"
