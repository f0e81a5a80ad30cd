"""The process that runs `process` tasks, one after another: `python -m taskjob_worker.executors.child FD`.

It speaks only to the worker that spawned it and dies with it. SIGTERM stops the running task (an exception in a
plain function, a cancellation in an async one); the worker sends SIGKILL to the whole process group after grace.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from taskjob.context import Context
from taskjob.ending import Ending, raised, returned
from taskjob.errors import TaskJobError
from taskjob.registry import load, registry
from taskjob_worker.delivery import Current, TaskLogHandler, current
from taskjob_worker.executors.frames import (
    Checkpoint,
    Done,
    Log,
    ProgressText,
    Ready,
    Run,
    Setup,
    SubmitCall,
    SubmitReply,
    pack,
    receive,
)
from taskjob_worker.outcome import INTERRUPTED
from taskjob_worker.parent_death import die_with_parent


class Stopped(BaseException):
    """Raised in the running task by SIGTERM; not an `Exception`, so that a broad `except` lets it pass."""


class Link:
    """The child's end of the socket, and the `Port` of its tasks' contexts."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def send(self, frame: Ready | Log | ProgressText | Checkpoint | SubmitCall | Done) -> None:
        data = pack(frame)
        with self._lock:
            self._connection.sendall(data)

    def receive(self) -> Setup | Run | SubmitReply | None:
        return receive(self._connection)

    def log(self, text: str) -> None:
        self.send(Log(text))

    def progress(self, text: str) -> None:
        self.send(ProgressText(text))

    def checkpoint(self, raw: bytes) -> None:
        self.send(Checkpoint(raw))

    def submit(self, document: dict[str, Any]) -> str:
        with self._asking:
            self.send(SubmitCall(document))
            reply = self.receive()
        if not isinstance(reply, SubmitReply):
            raise SystemExit(0)
        if reply.id is None:
            raise _error(reply.code, reply.detail)
        return reply.id

    async def asubmit(self, document: dict[str, Any]) -> str:
        return await asyncio.to_thread(self.submit, document)


def _error(code: str | None, detail: str) -> TaskJobError:
    error = TaskJobError(detail)
    error.reason = code
    return error


class Child:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._stop: Callable[[], None] | None = None
        self._place = Current()

    def serve(self) -> None:
        current.set(self._place)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        while isinstance(frame := self._link.receive(), Run):
            ending = self._guarded(frame)
            self._stop = None
            sys.stdout.flush()
            sys.stderr.flush()
            self._link.send(Done(ending))

    def _guarded(self, frame: Run) -> Ending:
        try:
            return self._run(frame)
        except (Stopped, asyncio.CancelledError):
            return INTERRUPTED
        except BaseException as error:  # noqa: BLE001 - whatever user code raises ends its attempt, not the child
            return raised(error)
        finally:
            self._place.delivery = None

    def _run(self, frame: Run) -> Ending:
        task = registry.get(frame.facts.task)
        if task is None:
            raise LookupError(f"no task {frame.facts.task!r} in this process")
        context = Context(frame.facts, self._link)
        self._place.delivery = self._link
        arguments = task.binding.arguments(frame.payload)
        if task.binding.context is not None:
            arguments[task.binding.context] = context
        if task.is_async:
            return returned(asyncio.run(self._cancellable(task.function(**arguments), context)))

        def stop() -> None:
            context.cancelled.set()
            raise Stopped

        self._stop = stop
        return returned(task.function(**arguments))

    async def _cancellable(self, coroutine: Any, context: Context) -> Any:
        loop = asyncio.get_running_loop()
        running = asyncio.current_task()
        assert running is not None

        def stop() -> None:
            context.cancelled.set()
            loop.call_soon_threadsafe(running.cancel)

        self._stop = stop
        return await coroutine

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop is None:
            raise SystemExit(0)
        self._stop()


def main(descriptor: int) -> int:
    connection = socket.socket(fileno=descriptor)
    link = Link(connection)
    setup = link.receive()
    if not isinstance(setup, Setup):
        return 0
    die_with_parent(setup.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    logging.basicConfig(level=setup.log_level, handlers=[TaskLogHandler()])
    for module in setup.modules:
        load(module)
    link.send(Ready())
    Child(link).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
