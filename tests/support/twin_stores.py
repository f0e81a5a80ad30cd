"""The same calls on a store and on its oracle, their answers compared.

Lease ids, versions, seqs and garbage ids are each store's own: they are translated, not compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from clocks import ManualClock
from store_world import ALL, STORES, TTL, World

from taskjob_engine.store import (
    JobFilter,
    JobRef,
    LeaseRequest,
    ProgressMark,
    Renewal,
    Renewed,
    SessionEnd,
    SessionRef,
    Settlement,
    StartMark,
)

NAMESPACES = ("default", "other")


class Session:
    def __init__(self, name: str, namespace: str) -> None:
        self.name = name
        self.namespace = namespace
        self.epoch = 1
        self.seq = 0
        self.principal = f"token:{namespace}"

    def ref(self, *, epoch: int | None = None, principal: str | None = None) -> SessionRef:
        return SessionRef(
            session=self.name,
            epoch=self.epoch if epoch is None else epoch,
            principal=principal or self.principal,
        )


class Delivery:
    """One grant: `leases` has the lease id of each store."""

    def __init__(self, session: Session, job: str, leases: Sequence[str]) -> None:
        self.session = session
        self.job = job
        self.leases = tuple(leases)


class Twins:
    """`worlds[0]` is the store under test; the last is the oracle, or the same one where the oracle is tested."""

    def __init__(self, store: str, path: Path) -> None:
        self.clock = ManualClock()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.worlds: list[World] = []
        for each in dict.fromkeys((store, "memory")):
            opening = self._stack.enter_async_context(STORES[each](path, self.clock))
            self.worlds.append(self._runner.run(opening))

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    def each(self, call: Callable[[World, int], Awaitable[Any]]) -> list[Any]:
        """The answer of every store to the same call."""

        async def all_of_them() -> list[Any]:
            return [await call(world, at) for at, world in enumerate(self.worlds)]

        return self._runner.run(all_of_them())

    def same(self, call: Callable[[World, int], Awaitable[Any]], shown: Callable[[Any], Any] = lambda it: it) -> Any:
        """The oracle's answer, after `shown` of it was found equal to that of the store under test."""
        answers = self.each(call)
        tested, expected = shown(answers[0]), shown(answers[-1])
        assert tested == expected, f"\n  store:  {tested}\n  oracle: {expected}"
        return answers[-1]

    # ------------------------------------------------------------------------------- verbs that carry lease ids

    def renew(
        self,
        session: Session,
        *,
        ref: SessionRef | None = None,
        new_epoch: bool = False,
        holding: Sequence[Delivery] | None = None,
        holding_seq: int | None = None,
        started: Sequence[tuple[Delivery, float]] = (),
        progress: Sequence[tuple[Delivery, str | None, bytes | None]] = (),
    ) -> Renewed:
        def call(world: World, at: int) -> Any:
            return world.store.session_renew(
                [
                    Renewal(
                        ref=ref or session.ref(),
                        ttl_seconds=TTL,
                        new_epoch=new_epoch,
                        holding=None if holding is None else tuple((d.job, d.leases[at]) for d in holding),
                        holding_seq=holding_seq,
                        started=tuple(StartMark(job=d.job, lease=d.leases[at], ago_seconds=ago) for d, ago in started),
                        progress=tuple(
                            ProgressMark(job=d.job, lease=d.leases[at], progress=text, checkpoint=checkpoint)
                            for d, text, checkpoint in progress
                        ),
                    )
                ]
            )

        [answer] = self.same(call, lambda it: [_without_leases(one) for one in it])
        if answer.renewed:
            session.epoch = answer.epoch
        return answer

    def lease(
        self, session: Session, n: int, *, seq: int | None, ref: SessionRef | None = None
    ) -> tuple[Any, list[Delivery]]:
        def call(world: World, at: int) -> Any:
            return world.store.lease([LeaseRequest(ref=ref or session.ref(), n=n, seq=seq)])

        answers = [leased for [leased] in self.each(call)]
        tested, expected = (_grants(answers[at]) for at in (0, -1))
        assert tested == expected, f"\n  store:  {tested}\n  oracle: {expected}"
        deliveries = [
            Delivery(session, grants[0].job, [grant.lease for grant in grants])
            for grants in zip(*(answer.grants for answer in answers), strict=True)
        ]
        return answers[-1], deliveries

    def settle(self, items: Sequence[tuple[Delivery, dict[str, Any]]]) -> list[Any]:
        def call(world: World, at: int) -> Any:
            return world.store.settle(
                [
                    Settlement(
                        **(
                            {
                                "job": delivery.job,
                                "lease": delivery.leases[at],
                                "session": delivery.session.name,
                                "principal": delivery.session.principal,
                            }
                            | fields
                        )
                    )
                    for delivery, fields in items
                ]
            )

        return self.same(call)

    def close_session(self, session: Session, **fields: Any) -> bool:
        end = SessionEnd(**({"ref": session.ref()} | fields))
        [done] = self.same(lambda world, _: world.store.session_close([end]))
        return done.closed

    # ------------------------------------------------------------------------------------------ the visible state

    def compare(self) -> tuple[list[Any], Any]:
        """The jobs of every namespace and the stats, equal in both stores, ledger and tables."""
        jobs = self.same(lambda world, _: _all_jobs(world))
        stats = self.same(lambda world, _: world.store.stats(None), lambda it: it.queues)
        audit = self.same(lambda world, _: world.store.audit(), lambda it: it.queues)
        assert stats.queues == audit.queues, "the ledger and the tables differ"
        return jobs, stats

    def compare_the_rest(self, jobs: list[Any]) -> None:
        """Everything else that a caller can see."""
        self.same(lambda world, _: _histories(world, jobs))
        for worker in self.same(lambda world, _: world.store.workers(None)):
            self.same(lambda world, _, session=worker.session: world.store.session(session))
        for namespace in NAMESPACES:
            self.same(lambda world, _, at=namespace: world.store.queues(at), _queues)
        self.same(lambda world, _: world.store.next_due_at())
        self.same(lambda world, _: world.store.changes("c1", [], ALL), _mirrors)


async def _all_jobs(world: World) -> list[Any]:
    pages = [await world.store.jobs(JobFilter(namespace=namespace), limit=ALL) for namespace in NAMESPACES]
    return [job for page in pages for job in page.jobs]


async def _histories(world: World, jobs: list[Any]) -> list[Any]:
    """Of the jobs that were ever delivered."""
    refs = [JobRef(namespace=job.namespace, id=job.id) for job in jobs if job.deliveries or job.run]
    return [await world.store.attempts(ref) for ref in refs]


def _without_leases(answer: Renewed) -> Any:
    def told(reasons: Any) -> list[tuple[str, str]]:
        return sorted((reason.job, reason.reason) for reason in reasons)

    return (answer.renewed, answer.epoch, answer.reason, answer.released, told(answer.lost), told(answer.cancelling))


def _grants(answer: Any) -> Any:
    wait = None if answer.retry_after_seconds is None else round(answer.retry_after_seconds, 3)
    grants = [msgspec.structs.replace(grant, lease="") for grant in answer.grants]
    return grants, answer.replayed, answer.refused, wait


def _queues(queues: list[Any]) -> list[Any]:
    """`default` was always there: when it was first stored is each store's own business."""
    return [msgspec.structs.replace(queue, created_at=0) if queue.name == "default" else queue for queue in queues]


def _mirrors(rows: list[Any]) -> list[Any]:
    return sorted(((row.job_id, row.owner, row.job) for row in rows), key=lambda row: row[0])
