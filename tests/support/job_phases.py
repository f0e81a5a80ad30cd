"""Fills an engine with a job in every phase, through its own verbs."""

from __future__ import annotations

from taskjob.model import AttemptOutcome, ErrorInfo, RetryChoice, new_job_id
from taskjob_engine.engine import Engine
from taskjob_engine.store import (
    JobRef,
    JobStore,
    LeaseRequest,
    Renewal,
    SessionOpen,
    SessionRef,
    Settlement,
    StartMark,
    Submission,
)

NAMESPACE = "default"
PRINCIPAL = "local"


async def seed(engine: Engine, store: JobStore, *, copies: int = 1) -> dict[str, list[str]]:
    """Ids by phase: submitted, queued, assigned, running, retry_queued, completed, dead_letter, cancelled."""
    ids: dict[str, list[str]] = {}
    own = new_job_id()[-12:]
    task, queue = f"leased.{own}", f"q{own}"
    session = SessionRef(session=new_job_id(), epoch=1, principal=PRINCIPAL)
    await engine.open_session(
        SessionOpen(
            session=session.session,
            principal=PRINCIPAL,
            worker="w-1",
            namespace=NAMESPACE,
            queues=(queue,),
            tasks=(task,),
            slots=8,
            carrier="tcp",
            ttl_seconds=600,
        )
    )
    for _ in range(copies):
        for phase in ("completed", "dead_letter", "retry_queued", "assigned", "running"):
            ids.setdefault(phase, []).append(await _leased(engine, store, session, task, queue, phase))
        ids.setdefault("queued", []).append(await _submit(engine, "nobody"))
        ids.setdefault("submitted", []).append(await _submit(engine, "nobody", suspend=True))
        cancelled = await _submit(engine, "nobody")
        await engine.cancel([JobRef(namespace=NAMESPACE, id=cancelled)])
        ids.setdefault("cancelled", []).append(cancelled)
    return ids


async def _submit(engine: Engine, task: str, *, queue: str = "unserved", **fields: object) -> str:
    item = Submission(id=new_job_id(), namespace=NAMESPACE, queue=queue, task=task, labels={"team": "a"}, **fields)
    [verdict] = await engine.submit([item])
    return verdict.id


async def _leased(engine: Engine, store: JobStore, session: SessionRef, task: str, queue: str, phase: str) -> str:
    attempts = 1 if phase == "dead_letter" else 5
    job = await _submit(engine, task, queue=queue, retry=RetryChoice(max_attempts=attempts))
    [leased] = await store.lease([LeaseRequest(ref=session, n=1)])
    [grant] = leased.grants
    assert grant.job == job
    if phase == "assigned":
        return job
    started = (StartMark(job=job, lease=grant.lease),)
    await engine.renew(Renewal(ref=session, ttl_seconds=600, started=started))
    if phase == "running":
        return job
    completed = phase == "completed"
    [settled] = await engine.settle(
        [
            Settlement(
                job=job,
                lease=grant.lease,
                session=session.session,
                principal=PRINCIPAL,
                outcome=AttemptOutcome.COMPLETED if completed else AttemptOutcome.FAILED,
                result=b'{"width":640}' if completed else None,
                error=None if completed else ErrorInfo(type="ValueError", message="not an image"),
                delay_seconds=None if completed else 3600,
            )
        ]
    )
    assert settled.phase == phase
    return job
