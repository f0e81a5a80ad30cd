"""Tasks that do what tests need: nothing, fail, block, die."""

import asyncio
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from taskjob import Cancel, Context, Retry, Snooze, task


def note(path: str, text: str) -> None:
    """Append one line, in one write."""
    with Path(path).open("a") as file:
        file.write(text + "\n")


@task
async def noop() -> None: ...


@task
async def echo(value: int) -> int:
    return value


@task
async def nap(seconds: float, path: str = "/dev/null") -> None:
    note(path, "began")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note(path, "cancelled")
        raise
    note(path, "ended")


@task
def hold(path: str, sign: str) -> None:
    """Runs until the file `sign` is there."""
    note(path, "began")
    while not Path(sign).exists():
        time.sleep(0.02)
    note(path, "ended")


@task
def thread_nap(seconds: float, context: Context, path: str = "/dev/null") -> str:
    note(path, "began")
    if context.cancelled.wait(seconds):
        note(path, "cancelled")
        raise RuntimeError("stopped early")
    note(path, "ended")
    return "ended"


@task
def stubborn(seconds: float, path: str = "/dev/null") -> None:
    """A thread that does not look at `cancelled`."""
    note(path, f"began {os.getpid()}")
    time.sleep(seconds)
    note(path, f"ended {os.getpid()}")


@task
def hold_gil(seconds: int, path: str = "/dev/null") -> str:
    note(path, "began")
    ctypes.PyDLL(None).sleep(seconds)
    return "released"


@task
async def block_loop(seconds: float) -> None:
    time.sleep(seconds)  # noqa: ASYNC251 - the fault under test


@task(executor="process")
def process_echo(value: int, context: Context) -> int:
    context.log("value %d", value)
    print("printed")
    print("to stderr", file=sys.stderr)
    logging.getLogger("sample").info("logged")
    return value


@task(executor="process")
def process_nap(seconds: float, path: str = "/dev/null") -> None:
    note(path, f"began {os.getpid()}")
    time.sleep(seconds)
    note(path, "ended")


@task(executor="process")
def process_stubborn(path: str) -> None:
    """Ignores SIGTERM and has a child of its own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    other = subprocess.Popen(["sleep", "300"])
    note(path, f"{os.getpid()} {other.pid}")
    time.sleep(300)


@task(executor="process")
async def process_async(value: int) -> int:
    await asyncio.sleep(0.01)
    return value


@task(executor="process")
def segfault() -> None:
    ctypes.string_at(0)


@task(executor="process")
def die(number: int) -> None:
    os.kill(os.getpid(), number)


@task(executor="process")
def leave(status: int) -> None:
    os._exit(status)


@task
async def poison() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task
async def fail(message: str) -> None:
    raise ValueError(message)


@task
async def signals(kind: str) -> None:
    raise {"retry": Retry("later", delay_seconds=0.05), "snooze": Snooze(0.05), "cancel": Cancel("no more")}[kind]


@task
async def log_lines(context: Context) -> None:
    context.log("line %d", 1)
    logging.getLogger("sample").info("line 2")


@task
def steps(context: Context) -> list[int]:
    """Fails at each new step and goes on from its checkpoint."""
    done = [*(context.checkpoint or []), context.attempt]
    context.checkpoint = done
    context.progress(len(done), 3)
    if len(done) < 3:
        raise RuntimeError("not yet")
    return done


@task
async def parent(context: Context) -> str:
    first = await context.asubmit(echo, {"value": 1})
    if context.attempt == 1:
        raise RuntimeError("once more")
    return first


@task
def thread_parent(context: Context) -> str:
    return context.submit("echo", {"value": 2})


@task(executor="process")
def process_parent(context: Context) -> str:
    return context.submit(echo, {"value": 3})
