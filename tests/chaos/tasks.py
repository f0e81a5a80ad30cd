"""Tasks of the chaos run. Each execution writes its own append-only record, independent of the engine."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from taskjob import Context, task

_journal = os.open(
    Path(os.environ["CHAOS_JOURNAL"]) / f"{os.environ.get('CHAOS_WORKER', 'child')}.{os.getpid()}.jsonl",
    os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    0o600,
)


def _record(context: Context, event: str) -> None:
    line = {
        "at": time.time(),
        "event": event,
        "job": context.job_id,
        "run": context.run,
        "delivery": context.delivery,
        "worker": os.environ.get("CHAOS_WORKER", ""),
    }
    os.write(_journal, json.dumps(line).encode() + b"\n")


def _finish(context: Context, fail_first: int) -> dict[str, int]:
    if context.attempt <= fail_first:
        _record(context, "failed")
        raise RuntimeError(f"attempt {context.attempt} of a job that fails its first {fail_first}")
    _record(context, "completed")
    return {"delivery": context.delivery}


@task(name="chaos.work")
async def work(context: Context, milliseconds: int = 0, fail_first: int = 0) -> dict[str, int]:
    _record(context, "started")
    await asyncio.sleep(milliseconds / 1000)
    return _finish(context, fail_first)


@task(name="chaos.thread", executor="thread")
def thread_work(context: Context, milliseconds: int = 0, fail_first: int = 0) -> dict[str, int]:
    _record(context, "started")
    time.sleep(milliseconds / 1000)
    return _finish(context, fail_first)
