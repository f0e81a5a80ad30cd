"""When services step: what is due, what fails, what is nudged. Nothing here waits for a clock of the wall."""

import asyncio

import pytest

from taskjob.errors import UnavailableError
from taskjob_engine.maintenance import Maintenance, Step
from taskjob_engine.maintenance import rounds as rounds_module
from taskjob_engine.telemetry import Recorder

LONG = 1000.0


class Scripted:
    """A service that does as told, step by step, and then rests."""

    name = "scripted"

    def __init__(self, *script, pause_seconds=LONG):
        self.script = list(script)
        self.pause_seconds = pause_seconds
        self.steps = 0
        self.done = asyncio.Event()

    async def step(self) -> Step:
        self.steps += 1
        todo = self.script.pop(0) if self.script else Step()
        if not self.script:
            self.done.set()
        if isinstance(todo, Exception):
            raise todo
        return todo


async def run(service, *others):
    recorder = Recorder()
    maintenance = Maintenance([service, *others], recorder, jitter=lambda: 0.5)
    maintenance.start()
    try:
        async with asyncio.timeout(10):
            await service.done.wait()
        await asyncio.sleep(0)
    finally:
        await maintenance.stop()
    return recorder


async def test_more_work_is_done_at_once():
    service = Scripted(Step(worked=True, more=True), Step(worked=True, more=True), Step())
    await run(service)
    assert service.steps == 3


async def test_a_due_time_cuts_the_pause_short():
    service = Scripted(Step(due_in=0.02), Step())
    await run(service)
    assert service.steps == 2


async def test_something_due_that_it_cannot_do_is_no_busy_loop():
    """Due, but another service's or held off: one more look, then the ordinary pause."""
    maintenance = Maintenance([], Recorder(), jitter=lambda: 0.5)
    service = Scripted()
    pause, seen = maintenance._pause(service, Step(due_in=0.0), idle_and_due=False)
    assert (pause, seen) == (rounds_module.SHORTEST_PAUSE_SECONDS, True)
    assert maintenance._pause(service, Step(due_in=0.0), idle_and_due=True) == (LONG, True)
    assert maintenance._pause(service, Step(due_in=0.0, worked=True), idle_and_due=True)[0] < 1


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 750.0), (0.5, 1000.0), (1.0, 1250.0)])
def test_pauses_are_jittered(jitter, pause):
    maintenance = Maintenance([], Recorder(), jitter=lambda: jitter)
    assert maintenance._pause(Scripted(), Step(), idle_and_due=False)[0] == pause


async def test_failures_are_counted_and_never_end_a_service(caplog):
    service = Scripted(UnavailableError("the disk sleeps"), ZeroDivisionError("a bug"), Step(), pause_seconds=0.01)
    recorder = await run(service)
    assert service.steps >= 3
    assert "scripted failed (1 in a row): the disk sleeps" in caplog.text
    assert "ZeroDivisionError" in caplog.text, "a bug shows its traceback"
    text = recorder.render(store=None, stats=None, holdoff_seconds=0.0)
    assert b'taskjob_maintenance_errors_total{service="scripted"} 2.0' in text


def test_failures_back_off_up_to_a_limit():
    maintenance = Maintenance([], Recorder(), jitter=lambda: 0.5)
    service = Scripted(pause_seconds=0.5)
    assert [maintenance._backoff(service, n) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert maintenance._backoff(service, 1000) == rounds_module.LONGEST_BACKOFF_SECONDS


async def test_a_failing_service_holds_up_no_other(caplog):
    class Broken(Scripted):
        name = "broken"

    broken = Broken(*[UnavailableError("gone")] * 100, pause_seconds=0.001)
    healthy = Scripted(*[Step(worked=True, more=True)] * 50, Step())
    await run(healthy, broken)
    assert healthy.steps == 51


async def test_a_nudge_ends_the_pause():
    service = Scripted(Step(), Step())
    maintenance = Maintenance([service], Recorder())
    maintenance.start()
    await asyncio.sleep(0)
    assert service.steps == 1
    maintenance.nudge("scripted")
    async with asyncio.timeout(10):
        await service.done.wait()
    await maintenance.stop()
    assert service.steps == 2


async def test_start_and_stop_may_be_called_twice_or_out_of_order():
    service = Scripted(Step())
    maintenance = Maintenance([service], Recorder())
    await maintenance.stop()
    maintenance.start()
    maintenance.start()
    await service.done.wait()
    await maintenance.stop()
    await maintenance.stop()
    assert service.steps == 1
