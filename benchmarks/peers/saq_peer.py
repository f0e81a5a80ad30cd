"""SAQ on its own Redis with appendfsync always: enqueue and drain no-op jobs with one worker of concurrency 64."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from saq import Queue, Worker

folder, number = Path(sys.argv[1]), int(sys.argv[2])
left = [number]
finished = asyncio.Event()


async def noop(_: Any) -> None:
    left[0] -= 1
    if left[0] <= 0:
        finished.set()


def start_redis() -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(
        ["redis-server", *settings, "--appendonly", "yes", "--appendfsync", "always"], stdout=subprocess.DEVNULL
    )
    return process, port


async def bench(port: int) -> dict[str, float]:
    queue = Queue.from_url(f"redis://127.0.0.1:{port}")
    await queue.connect()
    begun = time.perf_counter()
    for start in range(0, number, 64):
        await asyncio.gather(*(queue.enqueue("noop") for _ in range(min(64, number - start))))
    submitted = time.perf_counter() - begun
    worker = Worker(queue, functions=[noop], concurrency=64)
    begun = time.perf_counter()
    running = asyncio.create_task(worker.start())
    await asyncio.wait_for(finished.wait(), 300)
    drained = time.perf_counter() - begun
    await worker.stop()
    running.cancel()
    await queue.disconnect()
    return {"submit": number / submitted, "drain": number / drained}


def main() -> None:
    redis, port = start_redis()
    try:
        time.sleep(0.5)
        print(json.dumps(asyncio.run(bench(port))))
    finally:
        redis.terminate()
        redis.wait()


if __name__ == "__main__":
    main()
