"""What an idle worker serves: one async task, so that no process is kept warm for others."""

from __future__ import annotations

from taskjob import task


@task(name="bench.idle")
async def idle() -> None:
    return None
