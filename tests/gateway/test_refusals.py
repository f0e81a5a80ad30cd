"""Bad input at both doors: each gets its code, and hurts nobody else."""

import math
import re

import msgspec
import pytest

from taskjob.model import AttemptOutcome
from taskjob.wire.message_limits import RefusedError, check
from taskjob.wire.messages import (
    Bye,
    Drain,
    Exchange,
    Failure,
    Held,
    LogChunk,
    ProcessIdentity,
    Progress,
    Register,
    Renew,
    Resume,
    Settle,
    Started,
    Submit,
    Welcome,
    Witness,
)
from taskjob_api.auth import Caller
from taskjob_api.gateway.authentication import Principal


async def greeting(house, carrier, **changes):
    worker = house.worker(carrier)
    try:
        return await worker.greet(msgspec.structs.replace(worker.hello, **changes))
    finally:
        await dismiss(worker)


async def dismiss(worker):
    worker.close()
    if hasattr(worker, "client"):
        await worker.client.aclose()


async def test_the_highest_common_version_is_spoken(house, carrier):
    welcome = await greeting(house, carrier, protocol=(7, 1, 3))
    assert (type(welcome), welcome.protocol) == (Welcome, 1)


@pytest.mark.parametrize("offered", [(), (2, 3)])
async def test_a_wrong_version_is_told_the_right_one(house, carrier, offered):
    answer = await greeting(house, carrier, protocol=offered)
    assert (answer.code, answer.fatal) == ("ProtocolVersion", True)
    assert "this server speaks protocol 1" in answer.detail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"slots": 0}, "BadFrame"),
        ({"slots": 10**6}, "BadFrame"),
        ({"queues": ()}, "BadFrame"),
        ({"queues": ("q" * 300,)}, "BadFrame"),
        ({"worker": ""}, "BadFrame"),
        ({"worker": "w" * 129}, "BadFrame"),
        ({"worker": "e\x1b[31m"}, "BadFrame"),
        ({"namespace": "../../x\n"}, "BadFrame"),
        ({"namespace": "*"}, "BadFrame"),
        ({"queues": ("q\n",)}, "BadFrame"),
        ({"queues": ("Q",)}, "BadFrame"),
        ({"tasks": ("a task",)}, "BadFrame"),
        ({"tasks": tuple(f"t{number:0>100}" for number in range(700))}, "TooLarge"),
        ({"tasks": tuple(map(str, range(1001)))}, "TooLarge"),
    ],
)
async def test_a_register_out_of_bounds_is_refused(house, carrier, changes, code):
    answer = await greeting(house, carrier, **changes)
    assert (type(answer), answer.code) == (Failure, code)


async def test_the_sessions_of_one_token_are_bounded(house, hire, carrier, monkeypatch):
    monkeypatch.setattr("taskjob_api.gateway.admission.MAX_SESSIONS", 2)
    first, second = await hire(), await hire()
    answer = await greeting(house, carrier)
    assert (type(answer), answer.code) == (Failure, "TooManySessions")
    await second.call(second.exchange())
    house.service.sessions.remove(house.service.sessions.get(first.welcome.session))
    assert isinstance(await greeting(house, carrier), Welcome)


JOB = "0" * 32
SETTLE = Settle(job=JOB, lease=JOB, outcome=AttemptOutcome.COMPLETED)


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"want": 1001}, "TooLarge", "want"),
        ({"want": -1}, "TooLarge", "want"),
        ({"settle": (SETTLE,) * 1001}, "TooLarge", "settle"),
        ({"settle": (msgspec.structs.replace(SETTLE, outcome=AttemptOutcome.LOST),)}, "BadFrame", "lost"),
        ({"settle": (msgspec.structs.replace(SETTLE, job="j" * 65),)}, "BadFrame", "settle"),
        ({"settle": (msgspec.structs.replace(SETTLE, duration_seconds=-1.0),)}, "BadFrame", "durationSeconds"),
        ({"settle": (msgspec.structs.replace(SETTLE, delay_seconds=1e12),)}, "BadFrame", "delaySeconds"),
        ({"started": (Started(job=JOB, lease=JOB, ago_seconds=-5.0),)}, "BadFrame", "agoSeconds"),
        ({"progress": (Progress(job=JOB, lease=JOB, progress="x" * 129),)}, "TooLarge", "progress"),
        (
            {"progress": (Progress(job=JOB, lease=JOB, checkpoint=msgspec.Raw(b'"' + b"x" * 65536 + b'"')),)},
            "TooLarge",
            "checkpoint",
        ),
    ],
)
async def test_an_exchange_out_of_bounds_is_refused_as_a_whole(house, hire, fields, code, word):
    worker, other = await hire(), await hire()
    answer = await worker.call(worker.exchange(**fields))
    assert (type(answer), answer.code) == (Failure, code)
    assert word in answer.detail
    await house.submit("noop")
    [grant] = await other.take(1)
    assert (await other.settle(grant)).verdicts == ()


async def test_nothing_comes_before_register(house, carrier):
    worker = house.worker(carrier)
    if carrier == "tcp":
        answer = await worker.greet(Exchange(seq=1))
        assert (answer.code, await worker.recv()) == ("OutOfOrder", None)
    else:
        assert (await worker.greet(Exchange(seq=1))).code == "BadFrame"
        assert (await worker.greet(Exchange(seq=1, session="0" * 32, epoch=1))).code == "SessionGone"
        assert (await worker.greet(Bye())).code == "BadFrame"
    await dismiss(worker)


class TestAuthorization:
    async def test_only_listed_queues_may_be_served(self, house, carrier):
        house.authenticator.principal = Principal(
            name="token:1", namespace="shop", queues=(("shop", "images"),), scopes=frozenset({"worker"})
        )
        welcome = await greeting(house, carrier, queues=("images",))
        assert (type(welcome), welcome.namespace) == (Welcome, "shop")
        for changes in ({"queues": ("images", "mail")}, {"queues": ("images",), "namespace": "default"}):
            answer = await greeting(house, carrier, **changes)
            assert (answer.code, answer.fatal) == ("Forbidden", True)

    async def test_a_token_without_the_scope_is_no_worker(self, house, carrier):
        house.authenticator.principal = Principal(name="token:2", queues=(("*", "*"),))
        assert (await greeting(house, carrier)).code == "Forbidden"

    async def test_no_token_no_session(self, house, carrier):
        house.authenticator.refuse = True
        assert (await greeting(house, carrier)).code == "Unauthenticated"

    async def test_a_token_revoked_meanwhile_ends_the_conversation(self, house, hire, carrier):
        house.authenticator.principal = msgspec.structs.replace(house.authenticator.principal, review_seconds=0.1)
        worker = await hire()
        house.authenticator.refuse = True
        answer = await worker.recv() if carrier == "tcp" else await worker.call(worker.exchange())
        assert (type(answer), answer.code) == (Failure, "Unauthenticated")


HUGE = 2**63
HELLO = Register(protocol=(1,), worker="w", queues=("q",), tasks=("t",), slots=1)
PROCESS = ProcessIdentity(host="h", pid_namespace=1, pid=1, started=1)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Exchange(seq=HUGE), "seq"),
        (Exchange(seq=0), "seq"),
        (Exchange(seq=1, epoch=HUGE), "epoch"),
        (Exchange(seq=1, witness=Witness(incarnation="i", seq=HUGE)), "witness.seq"),
        (Exchange(seq=1, witness=Witness(incarnation="i", seq=-1)), "witness.seq"),
        (Exchange(seq=1, witness=Witness(incarnation="i" * 65, seq=1)), "witness.incarnation"),
        (Exchange(seq=1, witness=Witness(incarnation="i", seq=1, signature="s" * 65)), "witness.signature"),
        (Exchange(seq=1, logs=(LogChunk(job=JOB, lease=JOB, number=1_000_000, text="x"),)), "logs.number"),
        (Exchange(seq=1, logs=(LogChunk(job=JOB, lease=JOB, number=-1, text="x"),)), "logs.number"),
        (Submit(request=HUGE, items=()), "request"),
        (Renew(session=JOB, epoch=HUGE), "epoch"),
        (Drain(session=JOB, epoch=-1), "epoch"),
        (Bye(session=JOB, epoch=HUGE), "epoch"),
        (Resume(protocol=(1,), session=JOB, epoch=HUGE, holding=()), "epoch"),
        (msgspec.structs.replace(HELLO, witness=Witness(incarnation="i", seq=HUGE)), "witness.seq"),
        (msgspec.structs.replace(HELLO, process=msgspec.structs.replace(PROCESS, pid=HUGE)), "process.pid"),
        (msgspec.structs.replace(HELLO, process=msgspec.structs.replace(PROCESS, started=HUGE)), "process.started"),
    ],
)
def test_an_integer_that_no_store_could_keep_is_refused_at_the_door(message, field):
    with pytest.raises(RefusedError, match=re.escape(field)):
        check(message)


ODD = JOB[:-1] + "\0"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Exchange(seq=1, settle=(msgspec.structs.replace(SETTLE, job=JOB + "\0"),)), "settle"),
        (Exchange(seq=1, settle=(msgspec.structs.replace(SETTLE, lease=ODD),)), "settle"),
        (Exchange(seq=1, started=(Started(job=ODD, lease=JOB),)), "started"),
        (Exchange(seq=1, progress=(Progress(job=JOB, lease="../" + JOB[3:]),)), "progress"),
        (Exchange(seq=1, logs=(LogChunk(job=ODD, lease=JOB, number=0, text="x"),)), "logs"),
        (Exchange(seq=1, holding=(Held(job=JOB, lease=JOB), Held(job=JOB, lease=ODD))), "holding"),
        (Exchange(seq=1, session=ODD), "session"),
        (Resume(protocol=(1,), session=ODD, epoch=1, holding=()), "session"),
        (Resume(protocol=(1,), session=JOB, epoch=1, holding=(Held(job=ODD, lease=JOB),)), "holding"),
        (Renew(session="A" * 32, epoch=1), "session"),
        (Submit(request=1, items=(), session=ODD), "session"),
        (Drain(session=""), "session"),
        (Bye(session=ODD), "session"),
    ],
)
def test_what_is_no_identifier_is_refused_at_the_door(message, field):
    with pytest.raises(RefusedError, match=field):
        check(message)


async def test_a_huge_seq_hurts_nobody_else(house, hire):
    worker, other = await hire(), await hire()
    answer = await worker.call(worker.named(Exchange(seq=HUGE, want=1)))
    assert (type(answer), answer.code) == (Failure, "BadFrame")
    await house.submit("noop")
    assert len(await other.take(1)) == 1


def test_not_a_number_is_no_duration():
    with pytest.raises(RefusedError, match="durationSeconds"):
        check(Exchange(seq=1, settle=(msgspec.structs.replace(SETTLE, duration_seconds=math.nan),)))


@pytest.mark.parametrize(
    ("scopes", "mail"),
    [({"worker"}, ("rejected", "Forbidden", "/queue")), ({"worker", "submit"}, ("created", None, None))],
)
async def test_a_task_submits_to_the_queues_that_its_worker_may_serve(house, carrier, scopes, mail):
    """Or, with the right to submit in that namespace, to all of them."""
    queues = (("default", "*"), ("other", "images"))
    house.authenticator.principal = Caller(name="w", queues=queues, scopes=frozenset(scopes), namespaces=("other",))
    visitor = house.worker(carrier, queues=("images",))
    visitor.hello = msgspec.structs.replace(visitor.hello, namespace="other")
    items = tuple(map(msgspec.Raw, (b'{"task":"a","queue":"images"}', b'{"task":"b","queue":"mail"}')))

    for worker, of_mail in ((visitor, mail), (house.worker(carrier), ("created", None, None))):
        await worker.enter()
        message = Submit(request=1, items=items)
        answer = await worker.call(message if carrier == "tcp" else worker.named(message))
        told = [(verdict.outcome, verdict.code, verdict.field) for verdict in answer.verdicts]
        assert told == [("created", None, None), of_mail]
        await dismiss(worker)
