"""The dispatcher against a store that fails, forgets its wake-ups, or holds work back."""

import asyncio

import pytest

from taskjob.errors import OutcomeUnknownError, UnavailableError
from taskjob.model import Phase, QueueLimits, new_job_id
from taskjob.wire.messages import GoAway
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import QueueChange, Submission
from taskjob_engine.stores.memory import MemoryStore


class FaultyStore(MemoryStore):
    """Raises `fault` instead of (or, `after`, behind) the next lease calls, `settle_fault` likewise; answers leases,
    which took effect at once, when `answers` is set; `deaf` keeps its wake-ups to itself; any call that names a session
    of `unlucky` fails."""

    fault = settle_fault = None
    unlucky = frozenset()
    after = False
    deaf = False

    def __init__(self):
        super().__init__()
        self.answers = asyncio.Event()
        self.answers.set()

    async def settle(self, items):
        if self.settle_fault is None:
            return await super().settle(items)
        fault, self.settle_fault = self.settle_fault, None
        if self.after:
            await super().settle(items)
        raise fault

    async def lease(self, items):
        if self.unlucky & {item.ref.session for item in items}:
            raise OverflowError("a number the store cannot keep")
        if self.fault is None:
            answers = await super().lease(items)
            await self.answers.wait()
            return answers
        if self.after:
            answers = await super().lease(items)
            if not any(answer.grants for answer in answers):
                return answers
        fault, self.fault = self.fault, None
        raise fault

    def watch(self, watcher):
        return super().watch(lambda hints: None if self.deaf else watcher(hints))


@pytest.fixture
def house_options():
    """No lease lapses within a test: what comes again was handed back."""
    settings = EngineSettings(maintenance_seconds=0.1, session_ttl_seconds=600.0, reconnect_seconds=600.0)
    return {"store": FaultyStore(), "engine_settings": settings}


async def test_a_wait_survives_a_store_that_could_not_lease(house, hire):
    worker = await hire()
    house.store.fault = UnavailableError("busy")
    await house.submit("noop")
    assert len(await worker.take(1)) == 1


async def test_one_session_that_cannot_be_asked_for_does_not_cost_the_others_theirs(house, hire, carrier):
    workers = [await hire() for _ in range(4)]
    house.store.unlucky = {workers[1].welcome.session}
    waiting = [asyncio.create_task(worker.call(worker.exchange(want=1, wait_seconds=20.0))) for worker in workers]
    await asyncio.sleep(0.1)
    await house.submit(*["noop"] * 8)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 60)
    for at in (0, 2, 3):
        if carrier == "tcp":
            await workers[at].until(lambda worker=workers[at]: worker.held)
        assert len(workers[at].held) == 1
    if carrier == "tcp":
        assert isinstance(await workers[1].recv(), GoAway)
    else:
        assert answers[1].code == "Unavailable"


async def test_lost_wake_ups_are_made_good_by_the_poll(house, hire):
    worker = await hire()
    taking = asyncio.create_task(worker.take(2))
    await asyncio.sleep(0.1)
    house.store.deaf = True
    # Behind the façade's back: nobody anticipates these.
    await house.store.submit([make() for _ in range(2)], create_queues=True)
    assert len(await taking) == 2


def make():
    return Submission(id=new_job_id(), namespace="default", queue="default", task="noop")


async def test_a_rate_limit_is_waited_for(house, hire):
    worker = await hire()
    await house.engine.put_queue(
        QueueChange(namespace="default", name="default", limits=QueueLimits(rate_per_second=5))
    )
    await house.submit(*["noop"] * 8)
    started = asyncio.get_running_loop().time()
    assert len(await worker.take(8)) == 8
    assert asyncio.get_running_loop().time() - started >= 0.5


async def test_many_wake_ups_while_a_call_is_under_way_are_not_lost(house, hire):
    worker = await hire()
    taking = asyncio.create_task(worker.take(300))
    for _ in range(300):
        await house.submit("noop")
    assert len({grant.job for grant in await taking}) == 300


async def test_sessions_that_know_other_tasks_do_not_stand_in_the_way(house, hire):
    others = [await hire(tasks=("other",)) for _ in range(3)]
    waiting = [asyncio.create_task(other.take(1)) for other in others]
    worker = await hire(tasks=("noop", "other"))
    await asyncio.sleep(0.05)
    await house.submit(*["noop"] * 5, *["other"] * 3)
    assert {grant.task for grant in await worker.take(5)} <= {"noop", "other"}
    await house.submit(*["other"] * 5)
    assert [len(await task) for task in waiting] == [1, 1, 1]


@pytest.mark.parametrize("after", [False, True])
async def test_settles_of_unknown_fate_are_said_again(house, hire, carrier, after):
    worker = await hire()
    await house.submit("noop")
    [grant] = await worker.take(1)
    house.store.after = after
    house.store.settle_fault = OutcomeUnknownError("the connection broke during COMMIT")
    said = worker.exchange(settle=(worker.completed(grant),))
    answer = await worker.call(said)
    if carrier == "tcp":
        assert (type(answer), answer.reason) == (GoAway, "Unavailable")
        await worker.resume()
    else:
        assert (answer.code, worker.status) == ("Unavailable", 503)
    again = await worker.call(said)
    assert [verdict.verdict for verdict in again.verdicts] == (["replayed"] if after else [])
    job = await house.job(grant.job)
    assert (job.phase, job.deliveries) == (Phase.COMPLETED, 1)


class TestTcp:
    @pytest.fixture
    def carrier(self):
        return "tcp"

    async def test_grants_for_a_connection_that_broke_meanwhile_are_handed_back(self, house, hire):
        worker, other = await hire(), await hire()
        house.store.answers.clear()
        [job] = await house.submit("noop")
        worker.send(worker.exchange(want=1))
        async with asyncio.timeout(60):
            while (await house.job(job)).phase is not Phase.ASSIGNED:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.005)
        worker.cut()
        await house.connected(1)
        house.store.answers.set()
        [grant] = await other.take(1)
        again = await house.job(job)
        assert (grant.job, again.deliveries, again.interruptions, again.lost) == (job, 2, 0, 0)

    async def test_leases_of_unknown_fate_are_settled_by_a_resume(self, house, hire):
        worker = await hire()
        house.store.after = True
        house.store.fault = OutcomeUnknownError("the connection broke during COMMIT")
        [job] = await house.submit("noop")
        worker.send(worker.exchange(want=1))
        while not isinstance(message := await worker.recv(), GoAway):
            pass
        assert message.reason == "Unavailable"
        await worker.resume()
        [grant] = await worker.take(1)
        assert (grant.job, (await house.job(job)).deliveries) == (job, 2)


class TestHttp:
    @pytest.fixture
    def carrier(self):
        return "http"

    async def test_leases_of_unknown_fate_come_again_with_the_same_seq(self, house, hire):
        worker = await hire()
        house.store.after = True
        house.store.fault = OutcomeUnknownError("the connection broke during COMMIT")
        [job] = await house.submit("noop")
        asked = worker.exchange(want=1)
        first = await worker.call(asked)
        assert (first.code, worker.status) == ("Unavailable", 503)
        again = await worker.call(asked)
        assert [grant.job for grant in again.jobs] == [job]
        assert (await house.job(job)).deliveries == 1
