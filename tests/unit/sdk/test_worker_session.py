"""The worker's session machine: what it says, repeats and forgets, without a network or a clock."""

import msgspec
import pytest

from taskjob.model.job import AttemptOutcome
from taskjob.wire.messages import (
    Exchange,
    Failure,
    Grant,
    Held,
    LogChunk,
    LostLease,
    Progress,
    Register,
    Resume,
    Settle,
    Update,
    Verdict,
    Welcome,
    Witness,
)
from taskjob.wire.worker_events import Answered, Granted, Lapsed, Opened, Refused
from taskjob.wire.worker_identity import Identity
from taskjob.wire.worker_session import WorkerSession

ME = Identity(worker="w", queues=("default",), tasks=("t",), slots=4)


def welcome(session="s1", epoch=1):
    return Welcome(
        protocol=1,
        session=session,
        epoch=epoch,
        namespace="default",
        ttl_seconds=15,
        heartbeat_seconds=5,
        witness=Witness(incarnation="i", seq=1),
    )


def grant(job):
    return Grant(job=job, lease="l", queue="default", task="t", payload=msgspec.Raw(b"{}"))


def settle(job, outcome=AttemptOutcome.COMPLETED, **fields):
    return Settle(job=job, lease="l", outcome=outcome, **fields)


def opened(*, bound_want=True, at=100.0):
    machine = WorkerSession(ME, bound_want=bound_want)
    machine.hello(at)
    machine.handle(welcome())
    return machine


def test_the_first_hello_registers_and_the_next_resumes():
    machine = WorkerSession(ME)

    assert isinstance(machine.hello(0.0, "secret"), Register)
    assert machine.handle(welcome()) == [Opened(welcome(), resumed=False)]
    machine.handle(Update(jobs=(grant("a"),)))
    machine.disconnected()

    again = machine.hello(1.0)
    assert isinstance(again, Resume)
    assert (again.session, again.epoch, again.holding) == ("s1", 1, (Held(job="a", lease="l"),))
    assert machine.handle(welcome(epoch=2)) == [Opened(welcome(epoch=2), resumed=True)]
    assert machine.epoch == 2


def test_want_over_tcp_counts_what_is_owed():
    machine = opened()

    assert machine.exchange(100, capacity=10).want == 10
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    assert machine.exchange(101, capacity=10).want == 2
    machine.disconnected()
    machine.hello(102)
    machine.handle(welcome(epoch=2))
    assert machine.exchange(102, capacity=10).want == 10


def test_want_over_http_is_for_the_one_call():
    machine = opened(bound_want=False)

    first = machine.exchange(100, capacity=10)
    second = machine.exchange(101, capacity=10)

    assert (first.want, second.want, second.seq - first.seq) == (10, 10, 1)
    assert (second.session, second.epoch, second.holding) == ("s1", 1, ())


def test_a_settle_is_repeated_until_it_is_answered():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.settle(settle("a"))
    lost_reply = machine.exchange(101, capacity=0)
    machine.disconnected()

    hello = machine.hello(102)
    assert isinstance(hello, Resume)
    assert hello.holding == (Held(job="a", lease="l"),)
    machine.handle(welcome(epoch=2))
    again = machine.exchange(102, capacity=0)

    assert again.settle == lost_reply.settle
    assert machine.unanswered == 1
    assert machine.handle(Update(seq=again.seq)) == [Answered(again.settle, ())]
    assert (machine.unanswered, list(machine.held)) == (0, [])


def test_an_answer_counts_for_the_exchange_that_it_names():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    machine.settle(settle("a"))
    machine.exchange(101, capacity=0)
    machine.settle(settle("b"))
    second = machine.exchange(102, capacity=0)

    assert machine.handle(Update(seq=second.seq)) == [Answered(second.settle, ())]
    assert [job for job, _ in machine.held] == ["a"]


def test_a_late_answer_of_an_old_connection_changes_nothing():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.settle(settle("a"))
    old = machine.exchange(101, capacity=0)
    machine.disconnected()

    assert machine.handle(Update(seq=old.seq)) == []
    assert machine.unanswered == 1


def test_starts_are_told_once_and_again_after_a_reconnect():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.start("a", "l", 101.0)

    first = machine.exchange(103.0, capacity=0)
    assert [(s.job, s.ago_seconds) for s in first.started] == [("a", 2.0)]
    assert machine.exchange(104.0, capacity=0).started == ()
    machine.disconnected()
    machine.hello(105)
    machine.handle(welcome(epoch=2))
    assert [(s.job, s.ago_seconds) for s in machine.exchange(106.0, capacity=0).started] == [("a", 5.0)]


def test_a_young_start_waits_and_a_settle_makes_it_needless():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.start("a", "l", 101.0)

    assert not machine.must_speak(100.99)
    assert machine.exchange(101.01, capacity=0, start_delay_seconds=0.05).started == ()
    machine.settle(settle("a"))
    last = machine.exchange(101.2, capacity=0, start_delay_seconds=0.05)
    assert (last.started, len(last.settle)) == ((), 1)


def test_the_lease_deadline_counts_from_before_the_renewal_was_sent():
    machine = opened(at=100.0)
    assert machine.deadline == 115.0

    sent = machine.exchange(103.0, capacity=0)
    assert machine.deadline == 115.0
    machine.handle(Update(seq=sent.seq))
    assert machine.deadline == 118.0
    machine.handle(Update())
    assert machine.deadline == 118.0
    machine.renewed_elsewhere(110.0)
    assert machine.deadline == 125.0


def test_a_lost_lease_is_not_settled():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    lost = (LostLease(job="a", lease="l", reason="Expired"),)

    assert machine.handle(Update(lost=lost)) == [Lapsed(lost)]
    machine.settle(settle("a"))
    assert machine.exchange(101, capacity=0).settle == ()


def test_nothing_is_said_of_another_delivery_than_the_one_that_is_held():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.settle(Settle(job="a", lease="earlier", outcome=AttemptOutcome.COMPLETED))
    machine.progress(Progress(job="a", lease="earlier", progress="1/2"))
    machine.log(LogChunk(job="a", lease="earlier", number=0, text="x"))

    said = machine.exchange(101, capacity=0)
    assert (said.settle, said.progress, said.logs) == ((), (), ())


def test_a_settle_whose_answer_was_lost_is_said_again_though_its_lease_is_gone():
    """The resume finds the lease gone because the settle took effect; the repeat hears so."""
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    machine.settle(settle("a"))
    said = machine.exchange(101, capacity=0).settle
    machine.disconnected()
    machine.hello(102)
    machine.handle(welcome(epoch=2))
    gone = LostLease(job="a", lease="l", reason="Finished")
    other = LostLease(job="b", lease="l", reason="Expired")

    assert machine.handle(Update(lost=(gone, other))) == [Lapsed((other,))]
    assert list(machine.held) == []
    again = machine.exchange(103, capacity=0)
    assert again.settle == said
    replayed = Verdict(job="a", lease="l", verdict="replayed")
    assert machine.handle(Update(seq=again.seq, verdicts=(replayed,))) == [Answered(said, (replayed,))]
    assert machine.unanswered == 0


def test_a_lost_lease_takes_its_own_words_along_and_no_other():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    for job in ("a", "b"):
        machine.log(LogChunk(job=job, lease="l", number=0, text="x"))
        machine.progress(Progress(job=job, lease="l", progress="1/2"))
    machine.handle(Update(lost=(LostLease(job="a", lease="l", reason="Expired"),)))

    said = machine.exchange(101, capacity=0)
    assert ([p.job for p in said.progress], [chunk.job for chunk in said.logs]) == (["b"], ["b"])


@pytest.mark.parametrize("message", [Update(renewed=False), Failure(code="SessionGone", detail="")])
def test_a_session_that_is_gone_takes_its_leases_along(message):
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))

    lapsed, refused = machine.handle(message)

    assert isinstance(lapsed, Lapsed)
    assert [item.job for item in lapsed.lost] == ["a"]
    assert isinstance(refused, Refused)
    assert refused.again
    assert isinstance(machine.hello(102), Register)


def test_a_new_session_in_answer_to_resume_takes_the_leases_along():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.disconnected()
    machine.hello(102)

    events = machine.handle(welcome("s2"))

    assert isinstance(events[0], Lapsed)
    assert events[1] == Opened(welcome("s2"), resumed=False)


@pytest.mark.parametrize(
    ("code", "again"), [("Unauthenticated", True), ("ProtocolVersion", False), ("Forbidden", False)]
)
def test_a_refusal_says_whether_to_try_again(code, again):
    failure = Failure(code=code, detail="")

    assert opened().handle(failure) == [Refused(failure, again=again)]


def test_a_grant_that_comes_twice_is_run_once():
    machine = opened(bound_want=False)

    assert machine.handle(Update(seq=1, jobs=(grant("a"),))) == [Granted((grant("a"),))]
    assert machine.handle(Update(seq=1, jobs=(grant("a"), grant("b")))) == [Granted((grant("b"),))]


def test_the_latest_progress_and_checkpoint_are_told_together():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.progress(Progress(job="a", lease="l", progress="1/3", checkpoint=msgspec.Raw(b"1")))
    machine.progress(Progress(job="a", lease="l", progress="2/3"))

    [said] = machine.exchange(101, capacity=0).progress
    assert (said.progress, bytes(said.checkpoint)) == ("2/3", b"1")


def test_a_checkpoint_goes_along_with_a_failure_but_not_with_a_completion():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    for job in ("a", "b"):
        machine.progress(Progress(job=job, lease="l", checkpoint=msgspec.Raw(b"1")))
    machine.settle(settle("a", AttemptOutcome.FAILED))
    machine.settle(settle("b"))

    assert [said.job for said in machine.exchange(101, capacity=0).progress] == ["a"]


def test_a_settle_waits_until_its_log_is_told():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    for number in range(50):
        machine.log(LogChunk(job="a", lease="l", number=number, text="x"))
    machine.settle(settle("a"))
    machine.settle(settle("b"))

    first = machine.exchange(101, capacity=0)
    second = machine.exchange(101, capacity=0)

    assert [s.job for s in first.settle] == ["b"]
    assert [s.job for s in second.settle] == ["a"]
    assert [chunk.number for chunk in first.logs + second.logs] == list(range(50))


def test_an_exchange_is_bounded():
    machine = opened()
    jobs = [f"j{n}" for n in range(1200)]
    machine.handle(Update(jobs=tuple(grant(job) for job in jobs)))
    for job in jobs:
        machine.settle(settle(job))
    large = msgspec.Raw(b'"' + b"x" * 1_000_000 + b'"')

    first, second = machine.exchange(101, capacity=0), machine.exchange(101, capacity=0)
    assert [len(first.settle), len(second.settle)] == [1000, 200]

    machine.handle(Update(jobs=tuple(grant(f"large{n}") for n in range(12))))
    for number in range(12):
        machine.settle(settle(f"large{number}", result=large))
    sizes = []
    while machine.unsaid:
        sizes.append(len(machine.exchange(102, capacity=0).settle))
    assert sum(sizes) == 12
    assert max(sizes) <= 5


def test_draining_asks_for_nothing_also_after_a_reconnect():
    machine = opened()
    machine.drain()
    machine.disconnected()
    machine.hello(101)
    machine.handle(welcome(epoch=2))

    assert machine.exchange(102, capacity=10).want == 0


@pytest.mark.parametrize(("reason", "error"), [("TooLarge", "ResultTooLarge"), ("InvalidResult", "InvalidResult")])
def test_a_result_that_the_server_refuses_fails_the_delivery_for_good(reason, error):
    machine = opened()
    machine.handle(Update(jobs=(grant("a"), grant("b"))))
    machine.settle(settle("a", result=msgspec.Raw(b"1"), duration_seconds=2.5))
    machine.settle(settle("b"))
    sent = machine.exchange(101, capacity=0)
    refused = Verdict(job="a", lease="l", verdict="rejected", reason=reason)

    assert machine.handle(Update(seq=sent.seq, verdicts=(refused,))) == [Answered(sent.settle, (refused,))]
    assert (list(machine.held), machine.unsaid) == ([("a", "l")], True)

    again = machine.exchange(102, capacity=0)
    [instead] = again.settle
    assert (instead.job, instead.outcome, instead.retryable) == ("a", AttemptOutcome.FAILED, False)
    assert (instead.error.type, instead.result, instead.duration_seconds) == (error, msgspec.UNSET, 2.5)
    machine.handle(Update(seq=again.seq))
    assert (list(machine.held), machine.unanswered) == ([], 0)


def test_a_refused_result_of_a_lease_that_was_lost_meanwhile_is_dropped():
    machine = opened()
    machine.handle(Update(jobs=(grant("a"),)))
    machine.settle(settle("a", result=msgspec.Raw(b"1")))
    sent = machine.exchange(101, capacity=0)
    machine.handle(Update(lost=(LostLease(job="a", lease="l", reason="Expired"),)))
    refused = Verdict(job="a", lease="l", verdict="rejected", reason="TooLarge")
    machine.handle(Update(seq=sent.seq, verdicts=(refused,)))
    assert (list(machine.held), machine.unanswered) == ([], 0)


def test_the_highest_witness_is_sent_along():
    machine = opened()
    machine.handle(Update(witness=Witness(incarnation="i", seq=9, signature="nine")))
    machine.handle(Update(witness=Witness(incarnation="i", seq=4, signature="four")))

    sent = machine.exchange(101, capacity=0)
    assert isinstance(sent, Exchange)
    assert sent.witness == Witness(incarnation="i", seq=9, signature="nine")


def test_the_witness_of_a_new_incarnation_counts_though_its_seq_is_lower():
    machine = opened()
    machine.handle(Update(witness=Witness(incarnation="i", seq=9)))
    machine.handle(Update(witness=Witness(incarnation="j", seq=2)))

    assert machine.exchange(101, capacity=0).witness == Witness(incarnation="j", seq=2)


def test_a_server_that_does_not_answer_is_noticed():
    machine = opened()
    first = machine.exchange(101.0, capacity=0)
    machine.exchange(102.0, capacity=0)
    assert machine.silent_since == 101.0

    machine.handle(Update(seq=first.seq))
    assert machine.silent_since == 102.0
    machine.disconnected()
    assert machine.silent_since == float("inf")
