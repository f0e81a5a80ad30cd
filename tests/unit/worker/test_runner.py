"""Between grant and settle: what a worker starts, stops, hands back and tells, over a real session machine."""

import time
from types import SimpleNamespace

import msgspec
import pytest

from taskjob.ending import COMPLETED
from taskjob.model import AttemptOutcome
from taskjob.wire.messages import CancelOrder, Grant, LostLease, Update, Welcome, Witness
from taskjob.wire.worker_identity import Identity
from taskjob.wire.worker_session import WorkerSession
from taskjob_worker.intake import Intake
from taskjob_worker.metrics import Metrics
from taskjob_worker.outcome import StopReason
from taskjob_worker.runner import Runner

GRACE_SECONDS = 10.0


class Executor:
    """Runs nothing: notes what it was asked for, and ends a task when the test says so."""

    def __init__(self):
        self.started, self.stopped, self.killed = [], [], []
        self.means_to_kill = True
        self.error = None

    def start(self, delivery):
        if self.error is not None:
            raise self.error
        self.started.append(delivery)

    def stop(self, delivery):
        self.stopped.append((delivery.grant.job, delivery.stop_reason))

    def kill(self, delivery):
        self.killed.append(delivery.grant.job)
        return self.means_to_kill


class Bench:
    """A runner with two slots, whose session was renewed just now."""

    def __init__(self):
        self.executor = Executor()
        self.announced = []
        self.flushes = 0
        self.session = WorkerSession(Identity(worker="w", queues=("default",), tasks=("known",), slots=2))
        self.session.hello(time.monotonic())
        self.session.handle(
            Welcome(
                protocol=1,
                session="s1",
                epoch=1,
                namespace="default",
                ttl_seconds=600,
                heartbeat_seconds=200,
                witness=Witness(incarnation="i", seq=1),
            )
        )
        self.runner = Runner(
            self.session,
            Intake(concurrency=2),
            Metrics(),
            concurrency=2,
            grace_seconds=GRACE_SECONDS,
            tasks={"known": SimpleNamespace(executor="async"), "program": None},
            flush=self.flush,
            announce=self.announced.append,
            started=lambda _: None,
        )
        self.runner.executors = dict.fromkeys(("async", "process", "command"), self.executor)

    def flush(self):
        self.flushes += 1

    def grant(self, *jobs, task="known", **fields):
        grants = [
            Grant(job=job, lease="l", queue="default", task=task, payload=msgspec.Raw(b"{}"), **fields) for job in jobs
        ]
        self.session.handle(Update(jobs=tuple(grants)))
        self.runner.grant(grants, time.monotonic())

    def running(self):
        return [job for job, _ in self.runner.running]

    def waiting(self):
        return [delivery.grant.job for delivery in self.runner.intake.waiting]

    def settles(self):
        said = self.session.exchange(time.monotonic(), capacity=0)
        return [(settle.job, settle.outcome) for settle in said.settle]


@pytest.fixture
def bench():
    return Bench()


def test_two_slots_run_two_jobs_and_the_third_starts_when_one_ends(bench):
    bench.grant("a", "b", "c")
    assert (bench.running(), bench.waiting()) == (["a", "b"], ["c"])

    bench.runner.done(bench.executor.started[0], COMPLETED)

    assert (bench.running(), bench.waiting()) == (["b", "c"], [])
    assert bench.settles() == [("a", AttemptOutcome.COMPLETED)]


def test_a_task_it_does_not_know_is_handed_back_at_once(bench):
    bench.grant("a", task="unknown")

    assert bench.executor.started == []
    assert bench.settles() == [("a", AttemptOutcome.RELEASED)]
    assert bench.flushes == 1


def test_nothing_starts_once_the_leases_may_have_lapsed_and_all_goes_on_after_a_renewal(bench):
    bench.session.renewed_at = time.monotonic() - 601
    bench.grant("a")
    assert (bench.running(), bench.waiting()) == ([], ["a"])

    bench.session.renewed_elsewhere(time.monotonic())
    bench.runner.fill()

    assert (bench.running(), bench.waiting()) == (["a"], [])


def test_a_second_delivery_is_announced_before_its_task_begins(bench):
    bench.grant("a", delivery=2)
    assert (bench.running(), bench.executor.started) == (["a"], [])

    [begin] = bench.announced
    begin()

    assert [delivery.grant.job for delivery in bench.executor.started] == ["a"]


def test_a_task_told_to_stop_before_it_began_never_begins(bench):
    bench.grant("a", delivery=2)
    bench.runner.cancel([CancelOrder(job="a", lease="l", reason="CancelRequested")], time.monotonic())

    [begin] = bench.announced
    begin()

    assert bench.executor.started == []
    assert bench.settles() == [("a", AttemptOutcome.CANCELLED)]


def test_a_machine_that_gives_no_process_fails_the_attempt_and_the_worker_goes_on(bench):
    bench.executor.error = BlockingIOError("no more processes")
    bench.grant("a")
    assert bench.settles() == [("a", AttemptOutcome.FAILED)]

    bench.executor.error = None
    bench.grant("b")
    assert bench.running() == ["b"]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("CancelRequested", StopReason.CANCEL_REQUESTED),
        ("DeadlineExceeded", StopReason.DEADLINE_EXCEEDED),
        ("OfALaterServer", StopReason.CANCEL_REQUESTED),
    ],
)
def test_a_running_task_is_told_why_it_must_stop_and_killed_after_its_grace(bench, reason, told):
    bench.grant("a")
    now = time.monotonic()
    bench.runner.cancel([CancelOrder(job="a", lease="l", reason=reason)], now)
    bench.runner.tick(now + GRACE_SECONDS - 0.1)
    assert (bench.executor.stopped, bench.executor.killed) == ([("a", told)], [])

    bench.runner.tick(now + GRACE_SECONDS)

    assert bench.executor.killed == ["a"]
    assert bench.runner.stuck == set()


def test_what_cannot_be_killed_is_stuck_until_it_ends_by_itself(bench):
    bench.executor.means_to_kill = False
    bench.grant("a")
    now = time.monotonic()
    bench.runner.cancel([CancelOrder(job="a", lease="l", reason="CancelRequested")], now)
    bench.runner.tick(now + GRACE_SECONDS)
    assert bench.runner.stuck == {("a", "l")}

    bench.runner.done(bench.executor.started[0], COMPLETED)

    assert bench.runner.stuck == set()


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("CancelRequested", AttemptOutcome.CANCELLED), ("DeadlineExceeded", AttemptOutcome.RELEASED)],
)
def test_an_order_for_a_job_that_still_waits_ends_it_unstarted(bench, reason, outcome):
    bench.grant("a", "b", "c")
    bench.runner.cancel([CancelOrder(job="c", lease="l", reason=reason)], time.monotonic())

    assert bench.waiting() == []
    assert bench.settles() == [("c", outcome)]


def test_an_order_for_another_lease_stops_nothing(bench):
    bench.grant("a", "b", "c")
    for job in ("a", "c"):
        bench.runner.cancel([CancelOrder(job=job, lease="other", reason="CancelRequested")], time.monotonic())

    assert (bench.executor.stopped, bench.waiting(), bench.settles()) == ([], ["c"], [])


def test_lost_leases_are_killed_without_grace_and_never_settled(bench):
    bench.grant("a", "b", "c")
    now = time.monotonic()
    bench.runner.lost([LostLease(job=job, lease="l", reason="Expired") for job in ("a", "c")], now)
    assert (bench.executor.stopped, bench.waiting()) == ([("a", StopReason.LOST)], [])

    bench.runner.tick(now)
    bench.runner.done(bench.executor.started[0], COMPLETED)

    assert bench.executor.killed == ["a"]
    assert bench.settles() == []


def test_an_attempt_over_its_time_is_stopped(bench):
    before = time.monotonic()
    bench.grant("a", timeout_seconds=5.0)
    bench.runner.tick(before + 4.9)
    assert bench.executor.stopped == []

    bench.runner.tick(time.monotonic() + 5.1)

    assert bench.executor.stopped == [("a", StopReason.TIMED_OUT)]


def test_what_waits_for_a_slot_over_a_second_is_handed_back(bench):
    bench.grant("a", "b", "c")

    assert bench.runner.tick(time.monotonic() + 2.0) == 1
    assert bench.settles() == [("c", AttemptOutcome.RELEASED)]


def test_a_draining_worker_hands_back_what_waits_and_stops_the_rest(bench):
    bench.grant("a", "b", "c")
    bench.runner.release_waiting()
    bench.runner.stop_all(StopReason.DRAIN, time.monotonic())

    assert bench.settles() == [("c", AttemptOutcome.RELEASED)]
    assert bench.executor.stopped == [("a", StopReason.DRAIN), ("b", StopReason.DRAIN)]


def test_a_process_about_to_end_settles_once_what_it_cannot_end(bench):
    bench.grant("a", "b", timeout_seconds=5.0)
    bench.runner.tick(time.monotonic() + 6.0)
    bench.runner.abandon()
    assert bench.settles() == [("a", AttemptOutcome.TIMED_OUT), ("b", AttemptOutcome.TIMED_OUT)]

    bench.runner.done(bench.executor.started[0], COMPLETED)

    assert bench.settles() == []


def test_lost_work_is_not_settled_by_a_process_about_to_end(bench):
    bench.grant("a", "b")
    bench.runner.lost([LostLease(job="a", lease="l", reason="Expired")], time.monotonic())
    bench.runner.abandon()

    assert bench.settles() == [("b", AttemptOutcome.INTERRUPTED)]
