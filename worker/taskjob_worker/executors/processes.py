"""`process` tasks: warm children that can be killed, and whose crash takes nobody with it.

Children are spawned, never forked from this process: it has threads and user code in it. Each leads a process
group of its own. A child that was told to stop is not used again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from taskjob.ending import Ending
from taskjob.errors import TaskJobError
from taskjob.model.job import AttemptOutcome
from taskjob_worker.delivery import Delivery, Submit
from taskjob_worker.executors import Done
from taskjob_worker.executors.frames import (
    Checkpoint,
    FrameReader,
    FromChild,
    Log,
    ProgressText,
    Run,
    Setup,
    SubmitCall,
    SubmitReply,
    ToChild,
    pack,
)
from taskjob_worker.executors.frames import Done as DoneFrame
from taskjob_worker.orders import GroupNote
from taskjob_worker.outcome import crashed, stopped

READ_BYTES = 256 * 1024

Group = Callable[[GroupNote], None]
"""Told of each process group that begins or is gone."""


class ProcessExecutor:
    def __init__(
        self, done: Done, submit: Submit, group: Group, *, modules: tuple[str, ...], log_level: str, spare: int
    ) -> None:
        self._done = done
        self._submit = submit
        self._group = group
        self._setup = Setup(modules=modules, log_level=log_level, parent=os.getpid())
        self._spare = spare
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()

    def warm(self) -> None:
        """Spawn the spare children before the first job."""
        while len(self._idle) < self._spare:
            self._idle.append(self._spawn())

    def start(self, delivery: Delivery) -> None:
        """A suspect gets a fresh child of its own, which ends with it."""
        child = self._idle.pop() if self._idle and not delivery.grant.suspect else self._spawn()
        delivery.handle = child
        child.run(delivery)

    def stop(self, delivery: Delivery) -> None:
        if delivery.handle is not None:
            delivery.handle.signal(signal.SIGTERM)

    def kill(self, delivery: Delivery) -> bool:
        if delivery.handle is not None:
            delivery.handle.signal(signal.SIGKILL)
        return True

    async def close(self) -> None:
        for child in list(self._children):
            child.delivery = None
            child.signal(signal.SIGKILL)
            child.end()

    def _spawn(self) -> _Child:
        child = _Child(self._setup, self._heard, self._ended)
        self._children.add(child)
        self._group(GroupNote(id=child.pid, alive=True))
        return child

    def _heard(self, child: _Child, frame: FromChild) -> None:
        delivery = child.delivery
        if delivery is None:
            return
        match frame:
            case DoneFrame():
                self._finished(child, delivery, frame.ending)
            case Log():
                delivery.log(frame.text)
            case ProgressText():
                delivery.progress(frame.text)
            case Checkpoint():
                delivery.checkpoint(frame.raw)
            case SubmitCall():
                child.reply = asyncio.get_running_loop().create_task(self._submit_for(child, frame.document))

    async def _submit_for(self, child: _Child, document: dict[str, Any]) -> None:
        try:
            reply = SubmitReply(id=await self._submit(document))
        except TaskJobError as error:
            reply = SubmitReply(code=error.code, detail=error.detail)
        child.send(reply)

    def _finished(self, child: _Child, delivery: Delivery, ending: Ending) -> None:
        child.delivery = None
        if delivery.stop_reason is not None and ending.outcome is not AttemptOutcome.COMPLETED:
            ending = stopped(delivery.stop_reason, timeout_seconds=delivery.grant.timeout_seconds)
        if delivery.stop_reason is not None or delivery.grant.suspect or len(self._idle) >= max(self._spare, 1):
            child.signal(signal.SIGKILL)
        else:
            self._idle.append(child)
        self._done(delivery, ending)

    def _ended(self, child: _Child, status: int) -> None:
        """The child is gone, with or without a job."""
        self._children.discard(child)
        self._group(GroupNote(id=child.pid, alive=False))
        if child in self._idle:
            self._idle.remove(child)
        delivery, child.delivery = child.delivery, None
        if delivery is None:
            return
        if delivery.stop_reason is not None:
            self._done(delivery, stopped(delivery.stop_reason, timeout_seconds=delivery.grant.timeout_seconds))
        else:
            self._done(delivery, crashed(status))


class _Child:
    """One spawned process with its socket and the pipe of its standard output."""

    def __init__(
        self, setup: Setup, heard: Callable[[_Child, FromChild], None], ended: Callable[[_Child, int], None]
    ) -> None:
        ours, theirs = socket.socketpair()
        output, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a module of this package
                [sys.executable, "-m", "taskjob_worker.executors.child", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(write_end)
        self.pid = self._process.pid
        self.delivery: Delivery | None = None
        self.reply: asyncio.Task[None] | None = None
        self._heard = heard
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._socket = ours
        self._output = output
        self._reader = FrameReader()
        self._unsent = bytearray()
        self._open = True
        ours.setblocking(False)  # noqa: FBT003 - socket
        os.set_blocking(output, False)
        self._loop.add_reader(ours.fileno(), self._readable)
        self._loop.add_reader(output, self._read_output)
        self.send(setup)

    def run(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.send(Run(facts=delivery.facts(), payload=bytes(delivery.grant.payload), now=time.monotonic()))

    def send(self, frame: ToChild) -> None:
        if not self._open:
            return
        self._unsent += pack(frame)
        self._write()

    def signal(self, number: int) -> None:
        """To the whole group. The child is not reaped yet, so its id cannot be another's."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def end(self) -> None:
        """Stop listening, kill what is left of the group, reap."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._read_output()
        self._loop.remove_reader(self._output)
        self._socket.close()
        os.close(self._output)
        self._loop.create_task(self._reap()) if self._process.poll() is None else self._reaped()

    async def _reap(self) -> None:
        """Its socket is closed, so it is ending; the rest of its group goes with it."""
        for _ in range(50):
            if self._process.poll() is not None:
                break
            await asyncio.sleep(0.01)
        else:
            self.signal(signal.SIGKILL)
            await asyncio.to_thread(self._process.wait)
        self._reaped()

    def _reaped(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._ended(self, self._process.returncode)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self.end()
            return
        for frame in self._reader.feed(data):
            if isinstance(frame, DoneFrame):
                self._read_output()
            self._heard(self, frame)

    def _read_output(self) -> None:
        """What the task printed. Before its end is reported, everything is read: it was written before."""
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self._output, READ_BYTES):
                if self.delivery is not None:
                    self.delivery.log(data.decode("utf-8", "replace"))

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while self._unsent:
                sent = self._socket.send(self._unsent)
                del self._unsent[:sent]
        descriptor = self._socket.fileno()
        if self._unsent:
            self._loop.add_writer(descriptor, self._write)
        else:
            self._loop.remove_writer(descriptor)
