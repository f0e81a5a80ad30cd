"""Huey on SQLite with fsync on: enqueue and drain no-op tasks with one consumer of 8 threads."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from huey import SqliteHuey

folder, number = Path(sys.argv[1]), int(sys.argv[2])
queue = SqliteHuey("bench", filename=str(folder / "huey.db"), fsync=True, results=False)
done = threading.Event()
remaining = [number]


@queue.task()
def noop() -> None:
    remaining[0] -= 1
    if remaining[0] <= 0:
        done.set()


def main() -> None:
    begun = time.perf_counter()
    for _ in range(number):
        noop()
    submitted = time.perf_counter() - begun
    consumer = queue.create_consumer(workers=8, periodic=False, initial_delay=0.001, max_delay=0.001)
    begun = time.perf_counter()
    consumer.start()
    done.wait(300)
    drained = time.perf_counter() - begun
    consumer.stop()
    print(json.dumps({"submit": number / submitted, "drain": number / drained}))


if __name__ == "__main__":
    main()
