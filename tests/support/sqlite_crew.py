"""A worker and a stream of jobs on one SQLite store, in few words."""

from __future__ import annotations

from taskjob.model import AttemptOutcome, new_job_id
from taskjob_engine.store import Granted, LeaseRequest, SessionOpen, SessionRef, Settlement, Submission
from taskjob_engine.stores.sqlite import SQLiteStore


def job(**more: object) -> Submission:
    return Submission(**{"id": new_job_id(), "namespace": "default", "queue": "default", "task": "work", **more})


class Crew:
    def __init__(self, store: SQLiteStore, ref: SessionRef) -> None:
        self.store = store
        self.ref = ref

    @classmethod
    async def join(cls, store: SQLiteStore) -> Crew:
        ref = SessionRef(session=new_job_id(), epoch=1, principal="crew")
        await store.session_open(
            SessionOpen(
                session=ref.session,
                principal=ref.principal,
                worker="worker-1",
                namespace="default",
                queues=("default",),
                tasks=("work",),
                slots=500,
                carrier="tcp",
                ttl_seconds=600.0,
            )
        )
        return cls(store, ref)

    async def submit(self, count: int, **more: object) -> list[str]:
        verdicts = await self.store.submit([job(**more) for _ in range(count)], create_queues=True)
        assert {verdict.outcome for verdict in verdicts} == {"created"}
        return [verdict.id for verdict in verdicts]

    async def lease(self, n: int) -> tuple[Granted, ...]:
        [leased] = await self.store.lease([LeaseRequest(ref=self.ref, n=n)])
        return leased.grants

    async def complete(self, grants: tuple[Granted, ...], **more: object) -> list[str]:
        settled = await self.store.settle(
            [
                Settlement(
                    job=grant.job,
                    lease=grant.lease,
                    session=self.ref.session,
                    principal=self.ref.principal,
                    outcome=AttemptOutcome.COMPLETED,
                    **more,
                )
                for grant in grants
            ]
        )
        return [verdict.verdict.value for verdict in settled]
