"""How many leases a session may hold: its slots and a thousand in advance, whatever it asks for."""

import pytest

from taskjob.wire.messages import Exchange


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr("taskjob_api.gateway.live.PREFETCH", 5)


async def test_a_greedy_session_gets_its_slots_and_a_reserve_and_no_more(house, hire, carrier):
    greedy, modest = await hire(slots=2), await hire(slots=2)
    await house.submit(*["noop"] * 20)
    await greedy.take(7)
    if carrier == "tcp":
        greedy.send(greedy.exchange(want=100))
    else:
        assert (await greedy.call(greedy.exchange(want=100))).jobs == ()
        assert (await greedy.call(greedy.exchange(want=100, wait_seconds=0.2))).jobs == ()
    assert len(await modest.take(7)) == 7
    assert len(greedy.held) == 7


async def test_what_was_too_many_comes_when_there_is_room_again(house, hire, carrier):
    worker = await hire(slots=2)
    await house.submit(*["noop"] * 10)
    if carrier == "tcp":
        worker.send(worker.exchange(want=10))
        await worker.until(lambda: len(worker.held) == 7)
        await worker.settle(*list(worker.held.values())[:3])
        await worker.until(lambda: len(worker.held) == 7)
    else:
        await worker.take(7)
        await worker.settle(*list(worker.held.values())[:3])
        await worker.take(3)
    await worker.settle(*worker.held.values())
    assert (await house.engine.stats("default")).queues[0].completed == 10


class TestHttp:
    @pytest.fixture
    def carrier(self):
        return "http"

    async def test_a_repeated_seq_tells_its_grants_again_however_much_is_held(self, house, hire):
        worker = await hire(slots=2)
        await house.submit(*["noop"] * 10)
        asked = worker.exchange(want=7)
        first = await worker.call(asked)
        assert len(first.jobs) == 7
        assert (await worker.call(asked)).jobs == first.jobs

    async def test_grants_of_lost_replies_do_not_fill_a_session_for_ever(self, house, hire):
        worker = await hire(slots=2)
        await house.submit(*["noop"] * 10)
        for _ in range(3):
            assert len((await worker.call(worker.exchange(want=7))).jobs) == 7
            worker.held.clear()
            await worker.call(worker.named(Exchange(seq=worker.seq + 1)))
            worker.seq += 1
