"""`thread` tasks: plain functions on daemon threads.

A thread cannot be killed. Told to stop, a task sees `Context.cancelled`; one that does not look goes on and keeps
its slot, and the runner has the worker recycled.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextvars import Context as Variables
from queue import SimpleQueue

from taskjob.ending import Ending, raised, returned
from taskjob_worker.delivery import Current, Delivery, Submit, current
from taskjob_worker.executors import Done
from taskjob_worker.outcome import stopped


class ThreadExecutor:
    def __init__(self, done: Done, submit: Submit) -> None:
        self._done = done
        self._submit = submit
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Delivery | None] = SimpleQueue()
        self._finished: deque[tuple[Delivery, Ending]] = deque()
        self._threads = 0
        self._busy = 0

    def start(self, delivery: Delivery) -> None:
        assert delivery.task is not None
        if delivery.task.binding.context is not None:
            delivery.context(self._submit)
        self._busy += 1
        if self._busy > self._threads:
            self._threads += 1
            threading.Thread(target=self._work, name=f"taskjob-task-{self._threads}", daemon=True).start()
        self._queue.put(delivery)

    def stop(self, delivery: Delivery) -> None:
        """The flag in its context is raised already; there is no other means."""

    def kill(self, delivery: Delivery) -> bool:  # noqa: ARG002
        return False

    async def close(self) -> None:
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self) -> None:
        while (delivery := self._queue.get()) is not None:
            ending = Variables().run(self._run, delivery)
            self._finished.append((delivery, ending))
            try:
                self._loop.call_soon_threadsafe(self._report)
            except RuntimeError:  # the loop is closed: the worker ends, nobody listens
                return

    def _report(self) -> None:
        while self._finished:
            delivery, ending = self._finished.popleft()
            self._busy -= 1
            self._done(delivery, ending)

    def _run(self, delivery: Delivery) -> Ending:
        task = delivery.task
        assert task is not None
        place = Current()
        place.delivery = delivery
        current.set(place)
        try:
            arguments = task.binding.arguments(delivery.grant.payload)
            if task.binding.context is not None:
                arguments[task.binding.context] = delivery.context(self._submit)
            return returned(task.function(**arguments))
        except BaseException as error:  # noqa: BLE001 - whatever user code raises ends its attempt, not the worker
            if delivery.stop_reason is not None:
                return stopped(delivery.stop_reason, timeout_seconds=delivery.grant.timeout_seconds)
            return raised(error)
        finally:
            place.delivery = None
