"""The rules of the state machine for what an operator asks of a store."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition
from rule_counts import counted
from store_promises import loads
from store_strategies import QUEUES, maybe, some
from store_world import ALL
from twin_stores import Twins

from taskjob.errors import ConflictError
from taskjob.model import ErrorInfo, Owner
from taskjob_engine.store import Disowning, JobRef, PrincipalEnd, QueueChange


class OperatorRules:
    """A part of `StoreMachine`."""

    twins: Twins
    jobs: dict[str, str]
    steps: int
    upheavals: int
    ref: Callable[[int], JobRef]

    @counted(name=st.sampled_from(QUEUES), deleted=st.sampled_from((False, False, True)), paused=maybe)
    def declare_queue(self, name, deleted, paused) -> None:
        """As an operator does; most of the time its object is gone again soon, so that people may change the queue."""
        change = QueueChange(namespace="default", name=name, managed_by="c1", deleted=deleted, paused=paused)
        self._put_queue(change)
        self.twins.same(lambda world, _: world.store.managed_queues("c1"))
        self._put_queue(QueueChange(namespace="default", name=name, paused=paused))
        self._put_queue(QueueChange(namespace="default", name=name, managed_by="c1", deleted=True))
        self._put_queue(QueueChange(namespace="default", name=name, deleted=deleted))

    @precondition(lambda self: self.jobs)
    @counted(pick=some, uid=st.sampled_from(("u", "u", "u9", "stranger")), heir=st.sampled_from((None, "u9")))
    def disown(self, pick, uid, heir) -> None:
        owner = Owner(cluster_id="c1", namespace="default", name="n", uid=uid)
        next_owner = heir and Owner(cluster_id="c1", namespace="default", name="heir", uid=heir)
        item = Disowning(ref=self.ref(pick), owner=owner, heir=next_owner)
        [verdict] = self.twins.same(lambda world, _: world.store.disown([item]))
        assert verdict.outcome == "not_found" or uid != "stranger"

    @precondition(lambda self: self.steps >= self.upheavals * 15)
    @counted(principal=st.sampled_from(("token:default", "token:other", "token:nobody")))
    def end_principals(self, principal) -> None:
        self.upheavals += 1
        item = PrincipalEnd(principal=principal, error=ErrorInfo(type="OOMKilled"))
        self.twins.same(lambda world, _: world.store.end_principals([item]))

    @counted(limit=st.integers(1, 5))
    def sweep(self, limit) -> None:
        """What the operator's sweep and its numbers read."""
        page = self.twins.same(lambda world, _: world.store.owned("c1", after=None, limit=limit))
        after = page[-1].id if page else None
        self.twins.same(lambda world, _: world.store.owned("c1", after=after, limit=limit))
        names = [(namespace, queue) for namespace in ("default", "other") for queue in QUEUES]
        self.twins.same(lambda world, _: world.store.loads(names), loads)

    @counted()
    def changes(self) -> None:
        """The mirror reads the dirty set and acknowledges it."""
        told = self.twins.each(lambda world, _: world.store.changes("c1", [], ALL))
        acks = [[(row.job_id, row.version) for row in rows] for rows in told]
        assert self.twins.same(lambda world, at: world.store.changes("c1", acks[at], ALL)) == []

    def _put_queue(self, change: QueueChange) -> None:
        async def tried(world, _):
            try:
                return (await world.store.put_queue(change)).revision
            except ConflictError as refused:
                return refused.reason

        self.twins.same(tried)
