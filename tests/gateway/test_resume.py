"""Connections break, replies are lost, api processes come and go: nothing is lost and nothing is charged."""

import asyncio
import contextlib
import hmac
import sqlite3

import msgspec
import pytest
from clocks import ManualClock

from taskjob.model import AttemptOutcome, Phase
from taskjob.wire.messages import (
    Failure,
    Held,
    LogChunk,
    Progress,
    Started,
    Welcome,
    Witness,
)
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import JobRef
from taskjob_engine.stores.memory import MemoryStore
from taskjob_engine.stores.sqlite import SQLiteStore


async def leased(house):
    return (await house.engine.stats("default")).queues[0].leased


async def test_a_resumed_session_keeps_what_it_holds_and_releases_the_rest(house, hire):
    worker = await hire()
    await house.submit("noop", "noop")
    kept, dropped = await worker.take(2)
    worker.cut()

    welcome = await worker.resume(holding=[Held(job=kept.job, lease=kept.lease)])

    assert (type(welcome), welcome.epoch) == (Welcome, 2)
    assert (await house.job(kept.job)).phase is Phase.ASSIGNED
    assert (await house.job(dropped.job)).phase is Phase.QUEUED
    assert (await worker.settle(kept)).verdicts == ()
    worker.held.clear()
    [again] = await worker.take(1)
    assert again.job == dropped.job
    job = await house.job(dropped.job)
    assert (job.deliveries, job.attempts, job.lost, job.interruptions) == (2, 0, 0, 0)


async def test_an_older_epoch_speaks_for_nobody(house, hire, carrier):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    if carrier == "tcp":
        old_reader = worker.reader
        worker.writer = None
        await worker.resume()
        last = await asyncio.wait_for(old_reader.readline(), 60)
        assert b"Superseded" in last
        assert await asyncio.wait_for(old_reader.readline(), 60) == b""
    else:
        old = worker.exchange(settle=(worker.completed(grant),))
        await worker.resume()
        answer = await worker.call(old)
        assert (type(answer), answer.code, worker.status) == (Failure, "SessionGone", 404)
    assert (await house.job(grant.job)).phase is Phase.ASSIGNED
    assert (await worker.settle(grant)).verdicts == ()


async def test_an_unknown_session_cannot_be_resumed(house, hire):
    worker = await hire()
    worker.welcome = Welcome(
        **{f: getattr(worker.welcome, f) for f in worker.welcome.__struct_fields__} | {"session": "0" * 32}
    )
    answer = await worker.resume()
    assert (type(answer), answer.code) == (Failure, "SessionGone")


async def test_a_foreign_principal_cannot_take_over_a_session(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    house.authenticator.principal = type(house.authenticator.principal)(
        name="token:other", queues=(("*", "*"),), scopes=frozenset({"worker"})
    )
    answer = await worker.resume()
    assert (type(answer), answer.code) == (Failure, "SessionGone")
    assert (await house.job(grant.job)).phase is Phase.ASSIGNED


async def test_sessions_survive_an_api_restart(house, hire):
    worker = await hire()
    await house.submit("noop", "noop")
    first, second = await worker.take(2)
    await worker.call(worker.exchange(started=(Started(job=first.job, lease=first.lease),)))
    worker.cut()

    await house.restart()

    assert isinstance(await worker.resume(), Welcome)
    assert (await worker.settle(first, second)).verdicts == ()
    for grant in (first, second):
        job = await house.job(grant.job)
        assert (job.phase, job.deliveries, job.lost) == (Phase.COMPLETED, 1, 0)


async def test_a_log_goes_on_after_an_api_restart(house, hire):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    await worker.call(worker.exchange(logs=(LogChunk(job=grant.job, lease=grant.lease, number=0, text="one "),)))
    worker.cut()
    await house.restart()
    await worker.resume()
    await worker.call(
        worker.exchange(
            logs=(
                LogChunk(job=grant.job, lease=grant.lease, number=1, text="two"),
                LogChunk(job=grant.job, lease="0" * 32, number=2, text="forged"),
            )
        )
    )
    assert (await house.engine.logs(JobRef(namespace="default", id=grant.job))).text == "one two"


async def test_a_lease_that_a_resume_only_claims_takes_no_log(house, hire):
    owner, stranger = await hire(), await hire()
    [job] = await house.submit("noop")
    [grant] = await owner.take(1)
    stranger.cut()
    await stranger.resume(holding=[Held(job=job, lease=grant.lease)])
    forged = LogChunk(job=job, lease=grant.lease, number=0, text="forged")
    await stranger.call(stranger.exchange(logs=(forged,)))
    assert (await house.engine.logs(JobRef(namespace="default", id=job))).text == ""


class TestWitness:
    """What a worker brings back of the store: its own word proves a rollback, anything else nothing."""

    @pytest.fixture
    def house_options(self, tmp_path):
        return {"store": SQLiteStore(tmp_path / "taskjob.db")}

    @pytest.fixture
    async def running(self, house, hire):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        return worker, grant

    async def test_g3_a_restored_backup_is_proved_by_a_worker_that_saw_more(self, house, running, tmp_path):
        worker, grant = running
        with contextlib.closing(sqlite3.connect(tmp_path / "taskjob.db")) as connection:
            connection.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
        await house.submit(*["noop"] * 3)
        started = (Started(job=grant.job, lease=grant.lease),)
        seen = (await worker.call(worker.exchange(started=started))).witness
        await house.stop()
        house.store = SQLiteStore(tmp_path / "backup.db")
        await house.start()
        assert house.engine.standing().seq < seen.seq
        assert (await worker.resume(witness=seen)).code == "SessionGone"
        assert house.engine.standing().incarnation != seen.incarnation
        job = await house.job(grant.job)
        assert (job.phase, job.attempts, job.lost) == (Phase.QUEUED, 0, 0)

    async def test_g3_a_proof_ends_the_session_that_brings_it_in_the_same_exchange(self, house, running):
        worker, grant = running
        seen = worker.welcome.witness
        # As the store signed before it lost some of its past.
        said = f"taskjob-witness-1:{seen.incarnation}:{10**9}".encode()
        signature = hmac.digest(house.store.witness_key(), said, "sha256").hex()[:32]
        ahead = Witness(incarnation=seen.incarnation, seq=10**9, signature=signature)
        update = await worker.call(worker.exchange(witness=ahead, settle=(worker.completed(grant),)))
        assert not update.renewed
        assert [verdict.reason for verdict in update.verdicts] == ["IncarnationChanged"]
        assert (await worker.resume()).code == "SessionGone"
        assert (await house.job(grant.job)).phase is Phase.QUEUED

    @pytest.mark.parametrize(
        "change",
        [
            {"seq": 10**9},
            {"seq": 10**9, "signature": ""},
            {"seq": 10**9, "signature": "0" * 32},
            {"seq": 10**9, "signature": "short"},
            {"incarnation": "0" * 32, "seq": 10**9},
        ],
    )
    async def test_g3_a_forged_witness_voids_nothing(self, house, running, change):
        worker, grant = running
        seen = worker.welcome.witness
        forged = msgspec.structs.replace(seen, **change)
        update = await worker.call(worker.exchange(witness=forged, settle=(worker.completed(grant),)))
        assert update.renewed
        assert update.witness.incarnation == seen.incarnation
        assert (await house.job(grant.job)).phase is Phase.COMPLETED

    async def test_an_older_witness_proves_nothing(self, house, running):
        worker, grant = running
        assert (await worker.settle(grant, outcome=AttemptOutcome.COMPLETED)).renewed
        assert (await worker.call(worker.exchange(witness=worker.welcome.witness))).renewed
        assert b"taskjob_witnesses_refused_total 0.0" in await house.engine.metrics()


class TestOutage:
    """The api is away for longer than a session lives: its workers could not renew, and run on."""

    @pytest.fixture
    def clock(self):
        return ManualClock()

    @pytest.fixture(params=["memory", "sqlite"])
    def house_options(self, request, clock, tmp_path):
        stores = {"memory": MemoryStore, "sqlite": lambda **given: SQLiteStore(tmp_path / "taskjob.db", **given)}
        settings = EngineSettings(maintenance_seconds=0.01)
        return {"store": stores[request.param](clock=clock), "engine_settings": settings, "holdoff_seconds": 60.0}

    @pytest.fixture
    async def running(self, house, hire, clock):
        """A worker, and the delivery that it runs while the api is away for an hour."""
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        await worker.call(worker.exchange(started=(Started(job=grant.job, lease=grant.lease),)))
        await house.stop()
        clock.advance(3600)
        await house.start()
        return worker, grant

    async def test_g4_a_session_is_resumed_and_its_job_completes_in_its_only_delivery(self, house, running):
        worker, grant = running
        welcome = await worker.resume()
        assert (type(welcome), welcome.epoch) == (Welcome, 2), welcome
        assert (await worker.settle(grant)).verdicts == ()
        job = await house.job(grant.job)
        assert (job.phase, job.deliveries, job.lost) == (Phase.COMPLETED, 1, 0)

    @pytest.mark.parametrize("carrier", ["http"])
    async def test_an_exchange_over_http_goes_on_without_a_resume(self, house, running):
        worker, grant = running
        assert (await worker.settle(grant)).verdicts == ()
        job = await house.job(grant.job)
        assert (job.phase, job.deliveries, job.lost) == (Phase.COMPLETED, 1, 0)


class TestHttp:
    @pytest.fixture
    def carrier(self):
        return "http"

    async def test_a_lost_reply_comes_again_with_the_same_grants(self, house, hire):
        worker = await hire()
        await house.submit("noop", "noop", "noop")
        asked = worker.exchange(want=2)
        first = await worker.call(asked)
        again = await worker.call(asked)
        assert len(first.jobs) == 2
        assert {(g.job, g.lease) for g in again.jobs} == {(g.job, g.lease) for g in first.jobs}
        assert await leased(house) == 2

    async def test_a_repeated_settle_and_want_is_answered_alike(self, house, hire):
        worker = await hire()
        await house.submit("noop", "noop")
        [grant] = await worker.take(1)
        asked = worker.exchange(settle=(worker.completed(grant),), want=1)
        first = await worker.call(asked)
        again = await worker.call(asked)
        assert first.verdicts == ()
        assert ([v.verdict for v in again.verdicts], again.lost) == (["replayed"], ())
        assert [g.lease for g in again.jobs] == [g.lease for g in first.jobs]

    async def test_a_grant_the_worker_never_saw_is_released_uncharged(self, house, hire):
        worker = await hire()
        [job] = await house.submit("noop")
        await worker.call(worker.exchange(want=1))
        worker.held.clear()
        await worker.call(worker.exchange())
        seen = await house.job(job)
        assert (seen.phase, seen.attempts, seen.lost, seen.interruptions) == (Phase.QUEUED, 0, 0, 0)

    async def test_what_is_settled_or_told_of_in_an_exchange_is_held_by_it(self, house, hire):
        worker = await hire()
        await house.submit("noop", "noop", "noop")
        settled, started, reported = await worker.take(3)
        update = await worker.call(
            worker.exchange(
                holding=(),
                settle=(worker.completed(settled),),
                started=(Started(job=started.job, lease=started.lease),),
                progress=(Progress(job=reported.job, lease=reported.lease, progress="1/2"),),
            )
        )
        assert (update.verdicts, update.lost) == ((), ())
        phases = [(await house.job(grant.job)).phase for grant in (settled, started, reported)]
        assert phases == [Phase.COMPLETED, Phase.RUNNING, Phase.ASSIGNED]

    async def test_a_lower_seq_is_out_of_order(self, house, hire):
        worker = await hire()
        await worker.call(worker.exchange())
        await worker.call(worker.exchange())
        worker.seq = 0
        answer = await worker.call(worker.exchange())
        assert (answer.code, worker.status) == ("OutOfOrder", 409)

    async def test_a_log_goes_on_after_a_restart_without_a_resume(self, house, hire):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        await house.restart()
        chunk = LogChunk(job=grant.job, lease=grant.lease, number=0, text="here", truncated=True)
        await worker.call(worker.exchange(logs=(chunk,)))
        page = await house.engine.logs(JobRef(namespace="default", id=grant.job))
        assert page.text == "here\n[log cut by the worker]\n"

    async def test_a_cancel_reaches_the_present_holder_whatever_a_former_one_says(self, house, hire):
        former, present = await hire(), await hire()
        [job] = await house.submit("noop")
        [grant] = await former.take(1)
        former.held.clear()
        await former.call(former.exchange())
        [again] = await present.take(1)
        late = await former.call(former.exchange(settle=(former.completed(grant),)))
        assert [(v.verdict, v.reason) for v in late.verdicts] == [("stale", "Released")]
        polling = asyncio.create_task(present.call(present.exchange(want=1, wait_seconds=30.0)))
        await house.waiting(1)
        await house.cancel(job)
        [order] = (await asyncio.wait_for(polling, 25)).cancel
        assert (order.job, order.lease) == (job, again.lease)

    async def test_an_exchange_with_another_s_session_is_refused(self, house, hire):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        mine = house.authenticator.principal
        house.authenticator.principal = type(mine)(
            name="token:other", queues=(("*", "*"),), scopes=frozenset({"worker"})
        )
        for _ in range(2):
            answer = await worker.call(worker.exchange(settle=(worker.completed(grant),)))
            assert (answer.code, worker.status) == ("SessionGone", 404)
        house.authenticator.principal = mine
        await house.restart()
        house.authenticator.principal = type(mine)(
            name="token:other", queues=(("*", "*"),), scopes=frozenset({"worker"})
        )
        answer = await worker.call(worker.exchange(settle=(worker.completed(grant),)))
        assert (answer.code, worker.status) == ("SessionGone", 404)
        assert (await house.job(grant.job)).phase is Phase.ASSIGNED
        house.authenticator.principal = mine
        assert (await worker.settle(grant)).verdicts == ()

    async def test_a_session_resumed_on_another_replica_may_come_back(self, house, hire, tmp_path):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        other = type(house)(tmp_path, store=house.store)
        await other.start()
        worker.house = other
        assert (await worker.resume()).epoch == 2
        worker.house = house
        assert (await worker.call(worker.exchange())).renewed
        assert (await worker.settle(grant)).verdicts == ()
        await other.stop()
        await house.store.open()

    async def test_a_session_over_tcp_is_not_spoken_for_over_http(self, house, hire):
        over_tcp, over_http = await house.worker("tcp").enter(), await hire()
        over_http.welcome = over_tcp.welcome
        answer = await over_http.call(over_http.exchange())
        assert (answer.code, over_http.status) == ("OutOfOrder", 409)

    async def test_an_exchange_goes_on_after_a_restart_without_a_resume(self, house, hire):
        worker = await hire()
        await house.submit("noop", "noop")
        [grant] = await worker.take(1)
        await house.restart()
        update = await worker.call(worker.exchange(settle=(worker.completed(grant),), want=1))
        assert (update.verdicts, len(update.jobs)) == ((), 1)
