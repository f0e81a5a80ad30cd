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


class CommandExecutor:
    def __init__(self, done: Done, group: Callable[[GroupNote], None], commands: Mapping[str, CommandSettings]) -> None:
        self._done = done
        self._group = group
        self._commands = commands
        self._running: set[asyncio.Task[None]] = set()
        self._processes: dict[int, asyncio.subprocess.Process] = {}

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
        for process in list(self._processes.values()):
            self._signal(process, signal.SIGKILL)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)

    def _signal(self, process: asyncio.subprocess.Process | None, number: int) -> None:
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)

    async def _run(self, delivery: Delivery) -> None:
        try:
            ending = await self._execute(delivery)
        except OSError as error:
            ending = raised(error)
        self._done(delivery, ending)

    async def _execute(self, delivery: Delivery) -> Ending:
        command = self._commands[delivery.grant.task]
        kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=command.directory,
            env=kept | command.environment,
            start_new_session=True,
        )
        delivery.handle = process
        self._processes[process.pid] = process
        self._group(GroupNote(id=process.pid, alive=True))
        if delivery.stop_reason is not None:
            self._signal(process, signal.SIGTERM)
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            output = bytearray()
            await asyncio.gather(
                _feed(process.stdin, bytes(delivery.grant.payload)),
                _collect(process.stdout, delivery, output),
                _collect(process.stderr, delivery, None),
            )
            status = await process.wait()
        finally:
            self._end_group(process)
        return _ending(delivery, status, output)

    def _end_group(self, process: asyncio.subprocess.Process) -> None:
        """Whatever the program left running goes with it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        self._processes.pop(process.pid, None)
        self._group(GroupNote(id=process.pid, alive=False))


async def _feed(stdin: asyncio.StreamWriter | None, payload: bytes) -> None:
    assert stdin is not None
    with contextlib.suppress(ConnectionError):
        stdin.write(payload)
        await stdin.drain()
    stdin.close()


async def _collect(stream: asyncio.StreamReader, delivery: Delivery, kept: bytearray | None) -> None:
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
