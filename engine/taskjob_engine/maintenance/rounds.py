"""When maintenance services take their steps: jittered pauses, cut short by a nudge or a due time.

A failing service is logged and tried again ever more slowly; it never ends and never holds up another. What a step
does is the service's business.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from taskjob.errors import TaskJobError
from taskjob_engine.telemetry import Recorder

log = logging.getLogger(__name__)

LONGEST_BACKOFF_SECONDS = 30.0
SHORTEST_PAUSE_SECONDS = 0.01
"""Between two looks at the due time, however many nudges come."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`more`: take the next step at once. `due_in`: seconds until there is known work, None where none is known."""

    worked: bool = False
    more: bool = False
    due_in: float | None = None


class Service(Protocol):
    name: str
    pause_seconds: float

    async def step(self) -> Step:
        """One bounded piece of work. It may raise; nothing is lost by it, and the next step goes on."""
        ...


Observer = Callable[[str, Step | BaseException], None]


class Maintenance:
    """Runs every service in a task of its own between `start` and `stop`; both may be called twice.

    `observer` is told of every finished step or failure: tests wait for those instead of sleeping.
    """

    def __init__(
        self,
        services: Sequence[Service],
        recorder: Recorder,
        *,
        jitter: Callable[[], float] = random.random,
        observer: Observer | None = None,
    ) -> None:
        self._services = {service.name: service for service in services}
        self._nudges = {name: asyncio.Event() for name in self._services}
        self._recorder = recorder
        self._jitter = jitter
        self._observer = observer
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._serve(s), name=s.name) for s in self._services.values()]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def nudge(self, name: str) -> None:
        """Something may be due earlier than the service knows."""
        self._nudges[name].set()

    async def _serve(self, service: Service) -> None:
        failures = 0
        idle_and_due = False
        nudge = self._nudges[service.name]
        while True:
            nudge.clear()
            try:
                step = await service.step()
            except Exception as error:  # noqa: BLE001 - whatever it is, maintenance goes on
                failures += 1
                self._failed(service, error, failures)
                await asyncio.sleep(self._backoff(service, failures))
                continue
            failures = 0
            self._observe(service, step)
            pause, idle_and_due = self._pause(service, step, idle_and_due=idle_and_due)
            if pause > 0:
                await self._rest(nudge, pause)

    def _pause(self, service: Service, step: Step, *, idle_and_due: bool) -> tuple[float, bool]:
        """How long to rest, and whether this step found nothing to do although something is due.

        What is due may be another service's, or held off: an idle look is repeated once, for what became due in
        between, and then waits its ordinary turn.
        """
        if step.more:
            return 0.0, False
        pause = service.pause_seconds * (0.75 + 0.5 * self._jitter())
        if step.due_in is None or step.due_in >= pause:
            return pause, False
        if step.due_in > 0 or step.worked:
            return max(step.due_in, SHORTEST_PAUSE_SECONDS), False
        return (pause, True) if idle_and_due else (SHORTEST_PAUSE_SECONDS, True)

    async def _rest(self, nudge: asyncio.Event, pause: float) -> None:
        await asyncio.sleep(min(pause, SHORTEST_PAUSE_SECONDS))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, pause - SHORTEST_PAUSE_SECONDS)):
                await nudge.wait()

    def _backoff(self, service: Service, failures: int) -> float:
        seconds = service.pause_seconds * 2.0 ** min(failures - 1, 10)
        return min(seconds, LONGEST_BACKOFF_SECONDS) * (0.75 + 0.5 * self._jitter())

    def _failed(self, service: Service, error: Exception, failures: int) -> None:
        self._recorder.maintenance_failed(service.name)
        if isinstance(error, TaskJobError):
            log.warning("%s failed (%d in a row): %s", service.name, failures, error.detail)
        else:
            log.error("%s failed (%d in a row)", service.name, failures, exc_info=error)
        self._observe(service, error)

    def _observe(self, service: Service, seen: Step | BaseException) -> None:
        if self._observer is not None:
            self._observer(service.name, seen)
