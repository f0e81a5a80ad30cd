"""Tasks of the benchmarks: they do nothing, in each of the ways in which a task can run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from taskjob import task


@task(name="bench.noop")
async def noop(**_: Any) -> None:
    return None


@task(name="bench.thread", executor="thread")
def thread_noop(**_: Any) -> None:
    return None


@task(name="bench.process", executor="process")
def process_noop(**_: Any) -> None:
    return None


_stamps = Path(os.environ["BENCH_STAMPS"]).open("a", buffering=1) if "BENCH_STAMPS" in os.environ else None


@task(name="bench.stamp")
async def stamp(number: int) -> None:
    """Write when it started, on the clock that the submitting process reads too."""
    assert _stamps is not None
    _stamps.write(f"{number} {time.time()}\n")
