"""Every verb in any order, beside the oracle: each answer and all visible state equal, promises kept at each step."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition
from operator_rules import OperatorRules
from rule_counts import counted
from store_promises import check_g2, check_g4, facts
from store_strategies import QUEUES, TASKS, errors, limits, maybe, outcomes, some, submissions
from store_world import ALL
from twin_stores import Delivery, Session, Twins

from taskjob.model import AttemptOutcome, Owner
from taskjob_engine.store import (
    Amendment,
    JobFilter,
    JobRef,
    QueueChange,
    Rerun,
    SessionOpen,
    Submission,
)


class StoreMachine(OperatorRules, RuleBasedStateMachine):
    store: str

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self.twins = Twins(self.store, Path(self._directory.name))
        self.sent: list[Submission] = []
        self.accepted = 0
        self.steps = 0
        self.upheavals = 0  # they end every session, so they must not come too often
        self.jobs: dict[str, str] = {}  # id → namespace
        self.sessions: list[Session] = []
        self.deliveries: list[Delivery] = []
        self.settled: list[tuple[Delivery, dict[str, Any]]] = []
        self.last_lease: tuple[Session, int, int] | None = None
        self.accepted_ends: Counter[tuple[str, int]] = Counter()
        self.seen: dict[str, Any] = {}
        self.requests = 0

    def teardown(self) -> None:
        self.twins.close()
        self._directory.cleanup()

    def ref(self, pick: int) -> JobRef:
        job = list(self.jobs)[-1 - pick % len(self.jobs)]
        return JobRef(namespace=self.jobs[job], id=job)

    def session(self, pick: int) -> Session:
        return self.sessions[-1 - pick % len(self.sessions)]

    def delivery(self, pick: int) -> Delivery:
        return self.deliveries[-1 - pick % min(len(self.deliveries), 12)]

    # ------------------------------------------------------------------------------------------------ submit

    def _submit(self, items: list[Submission]) -> None:
        verdicts = self.twins.same(
            lambda world, _: world.store.submit(items, create_queues=True),
            lambda it: [(v.outcome, v.id, v.code) for v in it],
        )
        for item, verdict in zip(items, verdicts, strict=True):
            if verdict.outcome == "created":
                self.accepted += 1
                self.jobs[item.id] = item.namespace
                self.accepted_ends = Counter({end: n for end, n in self.accepted_ends.items() if end[0] != item.id})
        self.sent += items

    @counted(fields=st.lists(submissions, min_size=1, max_size=4), delay=st.sampled_from((None, None, 1.5, 30.0)))
    def submit(self, fields, delay) -> None:
        start_after = None if delay is None else self.twins.clock.at + round(delay * 1e6)
        ids = (f"{len(self.sent) + at + 1:032x}" for at in range(len(fields)))
        self._submit(
            [Submission(id=new, start_after=start_after, **each) for new, each in zip(ids, fields, strict=True)]
        )

    @counted(fields=submissions, key=st.sampled_from("xyz"), document=st.sampled_from("ab"))
    def submit_with_key(self, fields, key, document) -> None:
        new = f"{len(self.sent) + 1:032x}"
        self._submit([Submission(id=new, idempotency_key=key, document_hash=document, **fields)])

    @precondition(lambda self: self.sent)
    @counted(pick=some)
    def submit_again_after_a_lost_reply(self, pick) -> None:
        self._submit([self.sent[-1 - pick % len(self.sent)]])

    # ---------------------------------------------------------------------------------------------- sessions

    @initialize(fields=st.lists(submissions, min_size=6, max_size=6))
    def some_jobs_and_workers(self, fields) -> None:
        """So that few steps are spent on an empty store."""
        self._submit([Submission(id=f"{at:032x}", **each) for at, each in enumerate(fields, 1)])
        for namespace in ("other", "default", "default"):
            self._open(namespace, QUEUES, TASKS)
        for session in self.sessions[:2]:
            self._lease(session, 2, with_seq=True)

    @counted(
        namespace=st.sampled_from(("default", "default", "other")),
        queues=st.sampled_from((QUEUES, QUEUES, QUEUES[:1])),
        tasks=st.sampled_from((TASKS, TASKS, TASKS[1:])),
    )
    def session_open(self, namespace, queues, tasks) -> None:
        self._open(namespace, queues, tasks)

    def _open(self, namespace, queues, tasks) -> None:
        session = Session(f"{len(self.sessions) + 1:032x}", namespace)
        opening = SessionOpen(
            session=session.name,
            principal=session.principal,
            worker=f"w{len(self.sessions)}",
            namespace=namespace,
            queues=queues,
            tasks=tasks,
            slots=4,
            carrier="tcp",
            ttl_seconds=15.0,
        )
        assert self.twins.same(lambda world, _: world.store.session_open(opening)) == 1
        self.sessions.append(session)

    @precondition(lambda self: self.sessions)
    @counted(pick=some, keep=st.none() | some, at_seq=maybe)
    def session_renew(self, pick, keep, at_seq) -> None:
        session = self.session(pick)
        mine = [d for d in self.deliveries if d.session is session][-8:]
        holding = None if keep is None else [d for at, d in enumerate(mine) if keep >> at & 1 or at_seq is None]
        self.twins.renew(session, holding=holding, holding_seq=session.seq if at_seq else None)

    @precondition(lambda self: self.sessions)
    @counted(pick=some)
    def new_epoch(self, pick) -> None:
        session = self.session(pick)
        old = session.ref()
        mine = [d for d in self.deliveries if d.session is session][-8:]
        if self.twins.renew(session, new_epoch=True, holding=mine).renewed:
            session.seq = 0
            answer = self.twins.renew(session, ref=old)
            assert (answer.renewed, answer.reason) == (False, "Superseded")
            assert not self.twins.close_session(session, ref=old, within_seconds=0.0)

    @precondition(lambda self: self.sessions)
    @counted(pick=some, within=st.sampled_from((0.0, 3.0, 3.0, 100.0)), release=st.sampled_from((False, False, True)))
    def session_close(self, pick, within, release) -> None:
        self.twins.close_session(self.session(pick), within_seconds=within, release=release)

    @precondition(lambda self: self.deliveries)
    @counted(pick=some, ago=st.sampled_from((0.0, 0.5, 1e9)))
    def start(self, pick, ago) -> None:
        delivery = self.delivery(pick)
        self.twins.renew(delivery.session, started=[(delivery, ago)])

    @precondition(lambda self: self.deliveries)
    @counted(pick=some, text=st.sampled_from((None, "1/2", "2/2")), checkpoint=st.sampled_from((None, b"1", b"2")))
    def progress(self, pick, text, checkpoint) -> None:
        delivery = self.delivery(pick)
        self.twins.renew(delivery.session, progress=[(delivery, text, checkpoint)])

    # ----------------------------------------------------------------------------------------- lease and settle

    @precondition(lambda self: self.sessions)
    @counted(pick=some, n=st.integers(1, 6), with_seq=st.booleans())
    def lease(self, pick, n, with_seq) -> None:
        self._lease(self.session(pick), n, with_seq=with_seq)

    def _lease(self, session: Session, n: int, *, with_seq: bool) -> None:
        session.seq += with_seq
        answer, deliveries = self.twins.lease(session, n, seq=session.seq if with_seq else None)
        assert len(deliveries) <= n
        if not answer.replayed:
            self.deliveries += deliveries
        if with_seq:
            self.last_lease = (session, n, session.epoch)

    @precondition(lambda self: self.last_lease)
    @counted(back=st.sampled_from((0, 0, 1)))
    def lease_again_after_a_lost_reply(self, back) -> None:
        session, n, epoch = self.last_lease
        known = {delivery.leases for delivery in self.deliveries}
        answer, again = self.twins.lease(session, n, seq=session.seq - back, ref=session.ref(epoch=epoch))
        assert answer.replayed <= all(delivery.leases in known for delivery in again)
        self.deliveries += [delivery for delivery in again if delivery.leases not in known]

    def _settle(self, items: list[tuple[Delivery, dict[str, Any]]]) -> list[Any]:
        runs = {job: self.seen[job].run for job in self.seen}
        verdicts = self.twins.settle(items)
        for (delivery, _), verdict in zip(items, verdicts, strict=True):
            if verdict.verdict == "accepted" and verdict.phase.is_terminal:
                self.accepted_ends[delivery.job, runs[delivery.job]] += 1
        return verdicts

    @precondition(lambda self: self.deliveries)
    @counted(
        picks=st.lists(some, min_size=1, max_size=4),
        outcome=outcomes,
        retryable=st.sampled_from((True, True, False)),
        delay=st.sampled_from((None, None, 0.0, 2.5)),
        error=errors,
    )
    def settle(self, picks, outcome, retryable, delay, error) -> None:
        fields = {
            "outcome": outcome,
            "retryable": retryable,
            "delay_seconds": delay,
            "error": error,
            "result": b'{"r":1}',
            "duration_seconds": 0.25,
        }
        items = [(self.delivery(pick), fields) for pick in picks]
        self._settle(items)
        self.settled += items

    @precondition(lambda self: self.settled)
    @counted(pick=some)
    def settle_again_after_a_lost_reply(self, pick) -> None:
        item = self.settled[-1 - pick % min(len(self.settled), 6)]
        [verdict] = self._settle([item])
        assert verdict.verdict != "accepted", "a settle took effect twice"

    @precondition(lambda self: self.deliveries)
    @counted(pick=some, how=st.sampled_from(("lease", "session", "principal")), other=some)
    def settle_by_a_stranger(self, pick, how, other) -> None:
        delivery = self.delivery(pick)
        fields: dict[str, Any] = {"outcome": AttemptOutcome.COMPLETED}
        if how == "lease":
            fields["lease"] = "0" * 32
        elif how == "principal":
            fields["principal"] = "token:thief"
        else:
            stranger = self.session(other)
            if stranger is delivery.session:
                return
            fields |= {"session": stranger.name, "principal": stranger.principal}
        [verdict] = self._settle([(delivery, fields)])
        assert verdict.verdict == "stale"

    # --------------------------------------------------------------------------------------------- maintenance

    @counted()
    def expire(self) -> None:
        assert not self.twins.same(lambda world, _: world.store.expire(ALL)).more

    @counted()
    def promote(self) -> None:
        assert not self.twins.same(lambda world, _: world.store.promote(ALL)).more

    @counted(sweep=st.booleans())
    def prune(self, sweep) -> None:
        def shown(done):
            return done.jobs, done.keys, sorted(g.prefix for g in done.garbage)

        garbage = [done.garbage for done in self.twins.each(lambda world, _: world.store.prune(0))]
        swept = [[g.id for g in each] if sweep else [] for each in garbage]
        self.twins.same(lambda world, at: world.store.prune(ALL, swept[at]), shown)

    # ----------------------------------------------------------------------------------------------- people

    @precondition(lambda self: self.jobs)
    @counted(picks=st.lists(some, min_size=1, max_size=3))
    def cancel(self, picks) -> None:
        refs = [self.ref(pick) for pick in picks]
        self.twins.same(lambda world, _: world.store.cancel(refs))

    @precondition(lambda self: self.jobs)
    @counted(pick=some, repeat=st.booleans())
    def rerun(self, pick, repeat) -> None:
        self.requests += not repeat
        item = Rerun(ref=self.ref(pick), request_id=f"r{self.requests}")
        self.twins.same(lambda world, _: world.store.rerun([item]))

    @precondition(lambda self: self.jobs)
    @counted(
        pick=some,
        priority=st.none() | st.integers(-1, 2),
        suspend=maybe,
        finished=st.sampled_from((None, 0, 50)),
        failed=st.sampled_from((None, 0, 50)),
        owner=st.sampled_from((None, None, "c1", "c2")),
    )
    def amend(self, pick, priority, suspend, finished, failed, owner) -> None:
        item = Amendment(
            ref=self.ref(pick),
            priority=priority,
            suspend=suspend,
            ttl_seconds_after_finished=finished,
            ttl_seconds_after_failed=failed,
            owner=owner and Owner(cluster_id=owner, namespace="default", name="taken-over", uid="u9"),
        )
        self.twins.same(lambda world, _: world.store.amend([item]))

    @precondition(lambda self: self.jobs)
    @counted(pick=some)
    def purge(self, pick) -> None:
        ref = self.ref(pick)
        self.twins.same(lambda world, _: world.store.purge([ref]))

    @counted(
        name=st.sampled_from(QUEUES),
        limits=st.none() | limits,
        paused=st.sampled_from((None, False, False, True)),
        pause=st.sampled_from((None, False, False, True)),
    )
    def put_queue(self, name, limits, paused, pause) -> None:
        change = QueueChange(
            namespace="default",
            name=name,
            limits=limits,
            paused=paused,
            pause=pause,
            actor="ann",
            pause_until=self.twins.clock.at + 10_000_000 if pause else None,
        )
        self._put_queue(change)

    @precondition(lambda self: self.jobs)
    @counted(pick=some, limit=st.integers(1, 3), queue=st.sampled_from((None, *QUEUES)))
    def query(self, pick, limit, queue) -> None:
        ref = self.ref(pick)
        self.twins.same(lambda world, _: world.store.explain(ref), facts)
        where = JobFilter(namespace=ref.namespace, queue=queue)
        first = self.twins.same(lambda world, _: world.store.jobs(where, limit=limit))
        self.twins.same(lambda world, _: world.store.jobs(where, limit=limit, cursor=first.cursor))
        self.twins.same(lambda world, _: world.store.count(where, limit=limit))

    # -------------------------------------------------------------------------------------------------- faults

    @counted()
    def restart(self) -> None:
        self.twins.each(lambda world, _: world.reopen())

    @counted(seconds=st.sampled_from((0.001, 0.5, 1.0, 2.5, 4.0)))
    def time_passes(self, seconds) -> None:
        self.twins.clock.advance(seconds)

    @precondition(lambda self: self.steps >= self.upheavals * 15)
    @counted(seconds=st.sampled_from((15.0, 31.0, 3600.0, 90_000.0)))
    def clock_jumps_forward(self, seconds) -> None:
        self.upheavals += 1
        self.twins.clock.jump(seconds)

    @counted()
    def clock_jumps_back(self) -> None:
        before = [world.store.now() for world in self.twins.worlds]
        self.twins.clock.jump(-600)
        self.promote()
        assert all(world.store.now() >= was for world, was in zip(self.twins.worlds, before, strict=True))
        self.twins.clock.jump(600)

    @precondition(lambda self: self.steps >= self.upheavals * 15)
    @counted()
    def witness_of_a_rollback(self) -> None:
        self.upheavals += 1

        def prove(world, _):
            standing = world.store.standing()
            return world.store.witness(standing.incarnation, standing.seq + 1)

        assert self.twins.same(prove, lambda it: it.rolled_back).rolled_back

    # Weights: what workers do, they do most of the time; and no rule comes too rarely.
    lease_more, lease_yet_more = lease, lease
    start_more, progress_more = start, progress
    settle_more, settle_yet_more = settle, settle
    settle_again_more = settle_again_after_a_lost_reply
    settle_by_a_stranger_more = settle_by_a_stranger
    amend_more, cancel_more, query_more, submit_more = amend, cancel, query, submit
    new_epoch_more, session_close_more, lease_again_more = new_epoch, session_close, lease_again_after_a_lost_reply
    clock_jumps_forward_more = clock_jumps_forward

    # ------------------------------------------------------------------------------------------------ promises

    @invariant()
    def g2_g3_g4_g7(self) -> None:
        jobs, stats = self.twins.compare()
        if self.steps % 3 == 0:
            self.twins.compare_the_rest(jobs)
        for job in jobs:
            check_g2(self.seen.get(job.id), job)
            check_g4(job)
        self.seen = {job.id: job for job in jobs}
        assert stats.conserved
        assert sum(counts.accepted for counts in stats.queues) == self.accepted, "G7 against what we were told"
        assert sum(counts.accepted - counts.purged for counts in stats.queues) == len(jobs)
        assert all(count == 1 for count in self.accepted_ends.values()), "G2: two recorded outcomes of one run"
