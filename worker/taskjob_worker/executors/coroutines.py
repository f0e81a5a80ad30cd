"""`async` tasks: a pool of slots, each an asyncio task that runs one delivery after another.

A slot costs 1–2 µs a job where a task each costs 4–5, and user code still finds a real current task
(time-outs, task groups, cancellation). A slot whose context variables were changed, or that was cancelled, is
replaced, so that no job sees another's.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextvars import copy_context

from taskjob.ending import Ending, raised, returned
from taskjob_worker.delivery import Current, Delivery, Submit, current
from taskjob_worker.executors import Done
from taskjob_worker.outcome import StopReason, stopped

SLICE_SECONDS = 0.005
"""Tasks that never wait run on for so long, all slots together, before the loop may look at the network."""


class CoroutineExecutor:
    def __init__(self, done: Done, submit: Submit) -> None:
        self._done = done
        self._submit = submit
        self._ready: deque[Delivery] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._slots: set[asyncio.Task[None]] = set()
        self._closing = False
        self._between = False
        """A slot is between two jobs and will take the next one itself."""
        self._until = 0.0
        """When the slots together have had their share of this turn of the loop."""
        self._turning = False

    def start(self, delivery: Delivery) -> None:
        self._ready.append(delivery)
        if self._between:
            self._between = False
            return
        self._until = time.monotonic() + SLICE_SECONDS
        while self._idle:
            waiter = self._idle.pop()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._open_slot()

    def stop(self, delivery: Delivery) -> None:
        if delivery.handle is not None:
            delivery.handle.cancel()

    def kill(self, delivery: Delivery) -> bool:
        """Cancel once more; a task that swallows cancellation cannot be ended otherwise."""
        self.stop(delivery)
        return False

    async def close(self) -> None:
        self._closing = True
        for slot in self._slots:
            slot.cancel()
        if self._slots:
            await asyncio.wait(self._slots, timeout=1.0)

    def _open_slot(self) -> None:
        slot = asyncio.get_running_loop().create_task(self._slot())
        self._slots.add(slot)
        slot.add_done_callback(self._slots.discard)

    async def _slot(self) -> None:
        place = Current()
        current.set(place)
        clean = copy_context()
        slot = asyncio.current_task()
        loop = asyncio.get_running_loop()
        ready = self._ready
        while not self._closing:
            if not ready:
                waiter = loop.create_future()
                self._idle.append(waiter)
                await waiter
                continue
            if time.monotonic() >= self._until:
                await self._next_turn()
                continue
            delivery = ready.popleft()
            delivery.handle = slot
            place.delivery = delivery
            ending = await self._run(delivery)
            place.delivery = None
            spoiled = delivery.stop_reason is not None or copy_context() != clean
            self._between = not spoiled
            self._done(delivery, ending)
            self._between = False
            if spoiled:
                return

    async def _next_turn(self) -> None:
        """Let the loop look at the network; at least one job runs in each turn."""
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._begin_turn)
        await asyncio.sleep(0)

    def _begin_turn(self) -> None:
        self._turning = False
        self._until = time.monotonic() + SLICE_SECONDS

    async def _run(self, delivery: Delivery) -> Ending:  # noqa: PLR0911 - one return an end
        task = delivery.task
        assert task is not None
        if delivery.stop_reason is not None:
            return stopped(delivery.stop_reason)
        try:
            binding = task.binding
            arguments = binding.arguments(delivery.grant.payload)
            if binding.context is not None:
                arguments[binding.context] = delivery.context(self._submit)
            return returned(await task.function(**arguments))
        except asyncio.CancelledError as error:
            if delivery.stop_reason is None:
                if self._closing:
                    raise
                return raised(error)
            return stopped(delivery.stop_reason, timeout_seconds=delivery.grant.timeout_seconds)
        except TimeoutError as error:
            if delivery.stop_reason is StopReason.TIMED_OUT:
                return stopped(delivery.stop_reason, timeout_seconds=delivery.grant.timeout_seconds)
            return raised(error)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises ends its attempt, not the worker
            return raised(error)
