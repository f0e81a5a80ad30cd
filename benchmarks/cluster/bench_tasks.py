"""The tasks of the benchmark; a ConfigMap brings this file into the workers."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from taskjob import task


@task(name="bench.noop")
async def noop() -> None:
    pass


@task(name="bench.die")
async def die(at: float) -> None:
    """Kill the worker at that time of day; started after it, do nothing."""
    if time.time() < at:
        await asyncio.sleep(at - time.time())
        os.kill(os.getpid(), signal.SIGKILL)
