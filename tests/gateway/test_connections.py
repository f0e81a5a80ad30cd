"""What a TCP connection of a worker goes through: cut, resumed, stopped, out of order, renewed from beside."""

import asyncio

import pytest

from taskjob.model import Phase
from taskjob.wire.messages import (
    Bye,
    Exchange,
    Held,
    Renew,
    Started,
    Update,
    Welcome,
)
from taskjob_engine.settings import EngineSettings


class TestTcp:
    @pytest.fixture
    def carrier(self):
        return "tcp"

    @pytest.fixture
    def reconnect_seconds(self):
        """Short, for tests that let it pass; who has to come back within it has longer."""
        return 0.3

    @pytest.fixture
    def house_options(self, reconnect_seconds):
        return {"engine_settings": EngineSettings(reconnect_seconds=reconnect_seconds, maintenance_seconds=0.05)}

    async def test_grants_on_their_way_into_a_cut_connection_run_elsewhere(self, house, hire):
        worker, other = await hire(), await hire()
        await house.submit("noop")
        worker.send(worker.exchange(want=1))
        await asyncio.sleep(0.05)
        worker.cut()
        [grant] = await other.take(1)
        job = await house.job(grant.job)
        assert (job.attempts, job.lost, job.interruptions) == (0, 0, 0)

    async def test_a_late_end_of_the_old_connection_does_not_lapse_the_resumed_session(self, house, hire):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        await worker.call(worker.exchange(started=(Started(job=grant.job, lease=grant.lease),)))
        old, worker.writer = worker.writer, None
        await worker.resume()
        old.transport.abort()
        await asyncio.sleep(0.8)
        job = await house.job(grant.job)
        assert (job.phase, job.lost, job.deliveries) == (Phase.RUNNING, 0, 1)
        assert len(house.service.sessions) == 1
        assert (await worker.settle(grant)).verdicts == ()

    @pytest.mark.parametrize("reconnect_seconds", [3.0])
    async def test_a_cut_connection_that_comes_back_in_time_loses_nothing(self, house, hire, reconnect_seconds):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        worker.cut()
        await house.connected(0)
        await worker.resume()
        await asyncio.sleep(reconnect_seconds + 0.5)
        assert (await worker.settle(grant)).verdicts == ()
        assert (await house.job(grant.job)).deliveries == 1

    async def test_a_stop_of_the_server_shortens_no_session(self, house, hire):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        await worker.call(worker.exchange(started=(Started(job=grant.job, lease=grant.lease),)))
        await house.stop()
        await asyncio.sleep(0.5)  # longer than a reconnect may take
        await house.start()
        await asyncio.sleep(0.8)  # longer than the hold-off
        assert isinstance(await worker.resume(), Welcome)
        assert (await worker.settle(grant)).verdicts == ()
        job = await house.job(grant.job)
        assert (job.deliveries, job.lost) == (1, 0)

    @pytest.mark.parametrize("reconnect_seconds", [60.0])
    async def test_a_resume_is_told_what_it_lost_and_what_to_stop(self, house, hire):
        worker = await hire()
        await house.submit("noop")
        [grant] = await worker.take(1)
        worker.cut()
        await house.cancel(grant.job)
        gone = Held(job=grant.job, lease="0" * 32)
        await worker.resume(holding=[gone, Held(job=grant.job, lease=grant.lease)])
        told = await worker.recv()
        assert [(item.lease, item.reason) for item in told.lost] == [(gone.lease, "Superseded")]
        assert [(item.lease, item.reason) for item in told.cancel] == [(grant.lease, "CancelRequested")]

    async def test_seq_grows_by_one(self, house, hire):
        worker = await hire()
        await worker.call(worker.exchange())
        worker.seq += 5
        answer = await worker.call(worker.exchange())
        assert (answer.code, answer.detail) == ("OutOfOrder", "seq: expected 2, got 7")
        assert await worker.recv() is None

    async def test_nothing_goes_before_welcome_or_behind_bye(self, house, hire):
        hasty = await house.worker("tcp").connect()
        hasty.send(hasty.hello, Exchange(seq=1))
        assert "OutOfOrder" in {getattr(answer, "code", None) for answer in [await hasty.recv(), await hasty.recv()]}
        worker = await hire()
        worker.send(Bye(), worker.exchange(want=1))
        assert (await worker.recv()).code == "SessionGone"
        assert await worker.recv() is None
        guardian = await house.worker("tcp").connect()
        guardian.send(Renew(session=worker.welcome.session, epoch=1), Exchange(seq=1))
        assert "OutOfOrder" in {getattr(await guardian.recv(), "code", None) for _ in range(2)}

    async def test_a_second_register_is_out_of_order(self, house, hire):
        worker = await hire()
        answer = await worker.call(worker.hello)
        assert answer.code == "OutOfOrder"

    async def test_a_guardian_renews_from_beside_and_its_end_ends_nothing(self, house, hire):
        worker, guardian = await hire(), house.worker("tcp")
        await house.submit("noop")
        [grant] = await worker.take(1)
        renew = Renew(session=worker.welcome.session, epoch=worker.welcome.epoch)
        assert (await guardian.greet(renew)).renewed
        guardian.send(renew)
        assert (await guardian.recv()).renewed
        guardian.cut()
        foreign = await house.worker("tcp").greet(Renew(session="0" * 32, epoch=1))
        assert isinstance(foreign, Update)
        assert not foreign.renewed
        await asyncio.sleep(0.6)
        assert (await worker.settle(grant)).verdicts == ()
