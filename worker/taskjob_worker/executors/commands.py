"""`command` tasks: programs named in the worker's own configuration.

The argv is fixed there. The payload goes to standard input as JSON and never into argv or the environment; no
shell is involved. Exit status 0 completes the job, with standard output as its result if that is JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from typing import cast

import msgspec

from taskjob.ending import COMPLETED, Ending, raised
from taskjob.model.job import AttemptOutcome, ErrorInfo
from taskjob.wire.messages import MAX_RESULT_BYTES
from taskjob_worker.delivery import Delivery
from taskjob_worker.executors import Done
from taskjob_worker.orders import GroupNote
from taskjob_worker.outcome import describe_exit, stopped
from taskjob_worker.settings import CommandSettings

_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ")
_READ_BYTES = 64 * 1024
PIPE_SECONDS = 2.0
"""For what a program wrote last to be read, once it has ended. Only a child that left its group holds them longer."""


class CommandExecutor:
    def __init__(self, done: Done, group: Callable[[GroupNote], None], commands: Mapping[str, CommandSettings]) -> None:
        self._done = done
        self._group = group
        self._commands = commands
        self._running: set[asyncio.Task[None]] = set()
        self._groups: set[int] = set()

    def start(self, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._run(delivery))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def stop(self, delivery: Delivery) -> None:
        self._signal(delivery.handle, signal.SIGTERM)

    def kill(self, delivery: Delivery) -> bool:
        self._signal(delivery.handle, signal.SIGKILL)
        return True

    async def close(self) -> None:
        for group in self._groups:
            self._signal(group, signal.SIGKILL)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)

    def _signal(self, group: int | None, number: int) -> None:
        """To the program and all that it started, whether or not the program itself still runs."""
        if group in self._groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    async def _run(self, delivery: Delivery) -> None:
        try:
            ending = await self._execute(delivery)
        except OSError as error:
            ending = raised(error)
        self._done(delivery, ending)

    async def _execute(self, delivery: Delivery) -> Ending:
        command = self._commands[delivery.grant.task]
        kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        loop = asyncio.get_running_loop()
        transport, program = await loop.subprocess_exec(
            lambda: _Program(loop),
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=command.directory,
            env=kept | command.environment,
            start_new_session=True,
        )
        group = transport.get_pid()
        delivery.handle = group
        self._groups.add(group)
        self._group(GroupNote(id=group, alive=True))
        if delivery.stop_reason is not None:
            self._signal(group, signal.SIGTERM)
        output = bytearray()
        talk = asyncio.gather(
            _feed(program.stdin, bytes(delivery.grant.payload)),
            _collect(program.stdout, delivery, output),
            _collect(program.stderr, delivery, None),
        )
        try:
            status = await program.status
            self._end_group(group)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PIPE_SECONDS):
                    await talk
        finally:
            self._end_group(group)
            talk.cancel()
            transport.close()
        return _ending(delivery, status, output)

    def _end_group(self, group: int) -> None:
        """Whatever the program left running goes with it."""
        if group not in self._groups:
            return
        self._signal(group, signal.SIGKILL)
        self._groups.discard(group)
        self._group(GroupNote(id=group, alive=False))


class _Program(asyncio.subprocess.SubprocessStreamProtocol):
    """Tells when the program itself has ended. `Process.wait` waits for its pipes too, and those a child of the
    program may hold open for ever."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_READ_BYTES, loop=loop)
        self.status: asyncio.Future[int] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._program = cast("asyncio.SubprocessTransport", transport)

    def process_exited(self) -> None:
        super().process_exited()
        status = self._program.get_returncode()
        if not self.status.done() and status is not None:
            self.status.set_result(status)


async def _feed(stdin: asyncio.StreamWriter | None, payload: bytes) -> None:
    assert stdin is not None
    with contextlib.suppress(ConnectionError):
        stdin.write(payload)
        await stdin.drain()
    stdin.close()


async def _collect(stream: asyncio.StreamReader | None, delivery: Delivery, kept: bytearray | None) -> None:
    assert stream is not None
    while data := await stream.read(_READ_BYTES):
        delivery.log(data.decode("utf-8", "replace"))
        if kept is not None and len(kept) <= MAX_RESULT_BYTES:
            kept += data


def _ending(delivery: Delivery, status: int, output: bytearray) -> Ending:
    if status == 0:
        return _result(output)
    if delivery.stop_reason is not None:
        return stopped(delivery.stop_reason, timeout_seconds=delivery.grant.timeout_seconds)
    if status < 0:
        error = ErrorInfo(type="ProcessCrashed", message=describe_exit(status))
        return Ending(AttemptOutcome.CRASHED, error=error)
    return Ending(AttemptOutcome.FAILED, error=ErrorInfo(type="CommandFailed", message=f"exit status {status}"))


def _result(output: bytearray) -> Ending:
    if not output or len(output) > MAX_RESULT_BYTES:
        return COMPLETED
    try:
        msgspec.json.decode(output)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return COMPLETED
    return Ending(AttemptOutcome.COMPLETED, bytes(output).strip())
