"""What a worker costs while it waits: PSS of its process tree with metrics on, and the time until it is registered."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import product
from table import Row


def tree(pid: int) -> list[int]:
    children = [int(p) for path in Path(f"/proc/{pid}/task").glob("*/children") for p in path.read_text().split()]
    return [pid, *[below for child in children for below in tree(child)]]


def pss_megabytes(pid: int) -> float:
    total = 0
    for one in tree(pid):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024


def measure(folder: Path) -> list[Row]:
    ready: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as own, product.started(Path(own)) as api:
        for _ in range(5):
            begun = time.perf_counter()
            with api.worker(concurrency=8) as worker:
                ready.append(time.perf_counter() - begun)
                time.sleep(2)
                size = pss_megabytes(worker.pid)
                processes = len(tree(worker.pid))
            api.until(lambda: not [w for w in api.http.get("/v1/namespaces/default/workers").json()["items"] if not w.get("closed")], 20)
    return [
        Row("idle worker PSS", "MB", size, target=40, better="lower", note=f"{processes} processes, metrics on"),
        Row("worker ready", "s", sorted(ready)[2], target=0.4, better="lower", note="exec → seen by GET /workers"),
    ]
