"""How many lease calls the dispatcher has in flight for a session, and that together they bring what it wants."""

import asyncio

import pytest

from taskjob.model import new_job_id
from taskjob_engine.dispatcher import MAX_CALLS, Dispatcher
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import SessionOpen, SessionRef, Submission
from taskjob_engine.stores.memory import MemoryStore

REF = SessionRef(session=new_job_id(), epoch=1, principal="crew")


class SlowStore(MemoryStore):
    """Its lease calls take effect in order and are answered when `gate` is open."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = []

    async def lease(self, items):
        self.asked += [item.n for item in items]
        answers = await super().lease(items)
        await self.gate.wait()
        return answers


class Taker:
    def __init__(self):
        self.jobs = []

    def granted(self, grants):
        self.jobs += [grant.job for grant in grants]
        return True

    def nothing(self):
        """It goes on waiting."""

    def refused(self, reason):
        raise AssertionError(reason)


async def turns():
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def store():
    store = SlowStore()
    await store.open()
    opening = {"worker": "w", "namespace": "default", "queues": ("default",), "tasks": ("noop",), "slots": 10}
    await store.session_open(
        SessionOpen(session=REF.session, principal=REF.principal, carrier="tcp", ttl_seconds=60.0, **opening)
    )
    jobs = [Submission(id=new_job_id(), namespace="default", queue="default", task="noop") for _ in range(50)]
    await store.submit(jobs, create_queues=True)
    yield store
    await store.close()


@pytest.fixture
async def dispatcher(store):
    dispatcher = Dispatcher(store, EngineSettings(maintenance_seconds=60.0))
    dispatcher.start()
    yield dispatcher
    store.gate.set()
    await dispatcher.stop()


def park(dispatcher, taker, *, want, seq=None, room=lambda: 100):
    serving = {"namespace": "default", "queues": ("default",), "tasks": ("noop",)}
    dispatcher.park(REF, **serving, want=want, sink=taker, room=room, seq=seq)


async def test_what_is_asked_for_beside_a_call_in_flight_rides_in_a_second_one_and_the_rest_waits(store, dispatcher):
    taker = Taker()
    park(dispatcher, taker, want=2)
    await turns()
    for more in (3, 4):
        dispatcher.credit(REF.session, more)
        await turns()
    assert (MAX_CALLS, store.asked) == (2, [2, 3])
    store.gate.set()
    await turns()
    assert sum(store.asked) == len(taker.jobs) == len(set(taker.jobs)) == 9


async def test_calls_in_flight_together_never_ask_for_more_than_a_session_may_hold(store, dispatcher):
    taker = Taker()
    park(dispatcher, taker, want=3, room=lambda: 4 - len(taker.jobs))
    await turns()
    dispatcher.credit(REF.session, 5)
    await turns()
    assert store.asked == [3, 1]
    store.gate.set()
    await turns()
    assert len(taker.jobs) == 4


async def test_what_was_withdrawn_is_not_asked_for(store, dispatcher):
    taker = Taker()
    park(dispatcher, taker, want=2)
    await turns()
    dispatcher.credit(REF.session, 3)
    dispatcher.withdraw(REF.session)
    await turns()
    assert store.asked == [2]


async def test_a_call_of_one_seq_stays_alone(store, dispatcher):
    park(dispatcher, Taker(), want=2, seq=1)
    await turns()
    dispatcher.credit(REF.session, 3)
    await turns()
    assert store.asked == [2]
