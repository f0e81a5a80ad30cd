"""One child process of the supervisor: started, listened to, asked to stop, and reaped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from taskjob.cli.dev.console import Console


class Child:
    """`who` is its name in the log. It runs in a process group of its own, so that a Ctrl-C in the terminal
    reaches the supervisor alone, which stops things in order."""

    def __init__(self, who: str, process: asyncio.subprocess.Process, console: Console) -> None:
        self.who = who
        self._process = process
        assert process.stdout is not None
        self._pump = asyncio.create_task(console.pump(who, process.stdout))

    @classmethod
    async def start(
        cls, who: str, command: Sequence[str], *, environment: Mapping[str, str], console: Console
    ) -> Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "taskjob.cli.dev.child",
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        return cls(who, process, console)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def exited(self) -> str:
        """How it ended, in words, once it has and its last line is printed."""
        code = await self._process.wait()
        # A grandchild may keep the pipe open: its lines are not worth waiting for.
        await asyncio.wait({self._pump}, timeout=1.0)
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def ask_to_stop(self) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()

    async def stop(self, grace_seconds: float) -> bool:
        """SIGTERM, then SIGKILL to its whole group once the grace is over; False if it had to be killed."""
        self.ask_to_stop()
        try:
            await asyncio.wait_for(self.exited(), grace_seconds)
        except TimeoutError:
            self.kill()
            await self.exited()
            return False
        return True

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
