"""What a worker costs while it waits: PSS of its process tree with metrics on, and the time until it is registered."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from pathlib import Path

import product
from table import Row

TASKS = Path(__file__).resolve().parents[1] / "idle_tasks.py"


def tree(pid: int) -> list[int]:
    children = [int(p) for path in Path(f"/proc/{pid}/task").glob("*/children") for p in path.read_text().split()]
    return [pid, *[below for child in children for below in tree(child)]]


def pss_megabytes(pid: int) -> float:
    total = 0
    for one in tree(pid):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024


def _start(api: product.Product, name: str) -> tuple[subprocess.Popen[bytes], float]:
    """A worker of its own name, and the seconds from its exec until the api lists it."""

    def listed() -> bool:
        found = api.http.get("/v1/namespaces/default/workers").json()["items"]
        return any(worker["name"] == name and not worker.get("closed") for worker in found)

    begun = time.perf_counter()
    worker = product.run("worker", str(TASKS), "--gateway", api.gateway, "--concurrency", "8", "--name", name)
    while not listed():
        if time.perf_counter() - begun > 20:
            raise SystemExit("the worker did not register")
        time.sleep(0.005)
    return worker, time.perf_counter() - begun


def measure(folder: Path) -> list[Row]:
    ready: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as own, product.started(Path(own)) as api:
        for number in range(5):
            worker, seconds = _start(api, f"idle-{number}")
            ready.append(seconds)
            time.sleep(2)
            size = pss_megabytes(worker.pid)
            processes = len(tree(worker.pid))
            product.stop(worker)
    return [
        Row("idle worker PSS", "MB", size, target=40, better="lower", note=f"{processes} processes, metrics on"),
        Row("worker ready", "s", sorted(ready)[2], target=0.4, better="lower", note="exec until GET workers tells it"),
    ]
