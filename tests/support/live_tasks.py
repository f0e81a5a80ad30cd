"""The tasks that the worker of `live_stack` knows."""

import asyncio
import time
from pathlib import Path

from taskjob import Context, task


@task
def add(a: int, b: int, ctx: Context) -> int:
    ctx.log("adding %d and %d", a, b)
    return a + b


@task(name="fail")
def always_fails(message: str, ctx: Context) -> None:
    ctx.log("about to fail: %s", message)
    raise ValueError(message)


@task
async def nap(seconds: float, ctx: Context) -> str:
    ctx.log("napping")
    await asyncio.sleep(seconds)
    return "rested"


@task
async def wait_for(path: str) -> str:
    """Ends when a test says so: when this file is there."""
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 - the test is another process
        await asyncio.sleep(0.02)
    return "rested"


@task
def large(size: int) -> str:
    return "x" * size


@task
def say_slowly(lines: int, ctx: Context) -> None:
    for number in range(lines):
        ctx.log("line %d", number)
        time.sleep(0.05)
