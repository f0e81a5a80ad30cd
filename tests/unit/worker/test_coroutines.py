"""Slots for async tasks: isolation between jobs, cancellation, fairness to the loop."""

import asyncio
import time
from contextvars import ContextVar

import msgspec
import pytest

from taskjob.decorator import Task
from taskjob.model import AttemptOutcome
from taskjob.wire.messages import Grant
from taskjob_worker.delivery import Delivery
from taskjob_worker.executors.coroutines import CoroutineExecutor
from taskjob_worker.outcome import StopReason

colour: ContextVar[str] = ContextVar("colour", default="none")


class Bench:
    """An executor with what it reported."""

    def __init__(self):
        self.ended = {}
        self.news = asyncio.Event()
        self.executor = CoroutineExecutor(self.done, self.submit)

    def start(self, function, **payload):
        grant = Grant(
            job=f"{function.__name__}-{time.monotonic_ns()}",
            lease="l",
            queue="default",
            task=function.__name__,
            payload=msgspec.Raw(msgspec.json.encode(payload)),
        )
        delivery = Delivery(grant, Task(function), 0.0)
        self.executor.start(delivery)
        return delivery

    def done(self, delivery, ending):
        assert delivery.key not in self.ended
        self.ended[delivery.key] = ending
        self.news.set()

    async def submit(self, document):
        return "id"

    async def ending(self, delivery):
        async with asyncio.timeout(60):
            while delivery.key not in self.ended:
                self.news.clear()
                await self.news.wait()
        return self.ended[delivery.key]


@pytest.fixture
async def bench():
    made = Bench()
    yield made
    await made.executor.close()


async def paint(value: str) -> str:
    before = colour.get()
    colour.set(value)
    return before


async def waits(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def swallows() -> str:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "saved"
    return "never"


async def grouped() -> str:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        made = group.create_task(asyncio.sleep(0, "grouped"))
    return made.result()


async def hopeless() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(60)


async def spins(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_no_job_sees_the_context_variables_of_another(bench):
    first = await bench.ending(bench.start(paint, value="red"))
    second = await bench.ending(bench.start(paint, value="blue"))

    assert [first.result, second.result] == [b'"none"', b'"none"']


async def test_a_slot_is_a_real_task_for_timeouts_and_groups(bench):
    assert (await bench.ending(bench.start(grouped))).result == b'"grouped"'
    late = await bench.ending(bench.start(hopeless))
    assert (late.outcome, late.error.type) == (AttemptOutcome.FAILED, "TimeoutError")


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (StopReason.CANCEL_REQUESTED, AttemptOutcome.CANCELLED),
        (StopReason.TIMED_OUT, AttemptOutcome.TIMED_OUT),
        (StopReason.DRAIN, AttemptOutcome.INTERRUPTED),
    ],
)
async def test_a_stopped_task_ends_as_it_was_told(bench, reason, outcome):
    delivery = bench.start(waits, seconds=60)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    delivery.stop(reason, kill_at=0.0)
    bench.executor.stop(delivery)

    assert (await bench.ending(delivery)).outcome is outcome
    assert (await bench.ending(bench.start(waits, seconds=0))).outcome is AttemptOutcome.COMPLETED


async def test_a_task_that_finishes_its_work_when_cancelled_completes(bench):
    delivery = bench.start(swallows)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    delivery.stop(StopReason.DRAIN, kill_at=0.0)
    bench.executor.stop(delivery)

    assert (await bench.ending(delivery)).result == b'"saved"'


async def test_jobs_that_never_wait_leave_turns_to_the_loop(bench):
    deliveries = [bench.start(spins, seconds=0.01) for _ in range(10)]
    turns = 0
    while len(bench.ended) < len(deliveries):
        await asyncio.sleep(0)
        turns += 1

    assert turns >= 5
