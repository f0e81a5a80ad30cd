"""Tasks of the chaos run on a cluster, mounted into its worker pods. Each execution tells the recorder that it begins,
before anything else, and how it ended, before the engine hears of it."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
import uuid

from taskjob import Context, task

PATIENCE_SECONDS = 10.0


def _record(context: Context, event: str) -> None:
    """Raises OSError when the recorder did not answer in time: the attempt then fails. A line that is told again,
    because its answer was lost, has the same `id`; a task that ran again has another."""
    line = {
        "id": uuid.uuid4().hex,
        "at": time.time(),
        "event": event,
        "job": context.job_id,
        "run": context.run,
        "delivery": context.delivery,
        "worker": os.environ["TASKJOB_WORKER_NAME"],
    }
    request = urllib.request.Request(os.environ["CHAOS_RECORDER"], data=json.dumps(line).encode(), method="POST")
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(request, timeout=2).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def _ends(context: Context, fail_first: int) -> str:
    return "failed" if context.attempt <= fail_first else "completed"


def _result(context: Context, end: str) -> dict[str, int]:
    if end == "failed":
        raise RuntimeError(f"attempt {context.attempt} fails as it should")
    return {"delivery": context.delivery}


@task(name="chaos.work")
async def work(context: Context, milliseconds: int = 0, fail_first: int = 0, **_: object) -> dict[str, int]:
    await asyncio.to_thread(_record, context, "started")
    await asyncio.sleep(milliseconds / 1000)
    end = _ends(context, fail_first)
    await asyncio.to_thread(_record, context, end)
    return _result(context, end)


@task(name="chaos.thread", executor="thread")
def thread_work(context: Context, milliseconds: int = 0, fail_first: int = 0, **_: object) -> dict[str, int]:
    _record(context, "started")
    time.sleep(milliseconds / 1000)
    end = _ends(context, fail_first)
    _record(context, end)
    return _result(context, end)


@task(name="chaos.eat", executor="thread")
def eat(context: Context, mib: int = 4096) -> int:
    """More memory than the container may have."""
    _record(context, "started")
    return len([b"x" * 2**20 for _ in range(mib)])
