"""Tasks of the benchmarks: they do nothing, in each of the ways in which a task can run."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from taskjob import Context, task


@task(name="bench.noop")
async def noop(**_: Any) -> None:
    return None


@task(name="bench.thread", executor="thread")
def thread_noop(**_: Any) -> None:
    return None


@task(name="bench.process", executor="process")
def process_noop(**_: Any) -> None:
    return None


_stamps = (
    os.open(os.environ["BENCH_STAMPS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if "BENCH_STAMPS" in os.environ
    else -1
)


@task(name="bench.stamp")
async def stamp(number: int) -> None:
    """Write when it started, on the clock that the submitting process reads too."""
    os.write(_stamps, f"{number} {time.time()}\n".encode())


@task(name="bench.hold")
async def hold(number: int, context: Context) -> None:
    """Stamp; only a delivery after the first ever ends."""
    os.write(_stamps, f"{number} {time.time()}\n".encode())
    if context.delivery == 1:
        await asyncio.sleep(3600)
