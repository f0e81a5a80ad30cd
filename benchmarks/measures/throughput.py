"""Bulk submit and drain of no-op jobs, interleaved with the floor and the peers; medians of the rounds."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import product
from table import Row

HERE = Path(__file__).resolve().parents[1]


def _script(path: str, folder: Path, number: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        output = subprocess.run(
            [sys.executable, str(HERE / path), own, str(number)],
            check=True,
            capture_output=True,
            text=True,
            timeout=400,
        ).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def _product(folder: Path, number: int) -> dict[str, float]:
    document = {"task": "bench.noop", "payload": {"number": 1, "text": "x" * 60}}
    with tempfile.TemporaryDirectory(dir=folder) as own, product.started(Path(own)) as api:
        submitted = api.submit(number, document)
        begun = time.perf_counter()
        with api.worker():
            api.until(lambda: api.counts()["completed"] > 0, 30)
            begun, first = time.perf_counter(), api.counts()["completed"]
            api.until(lambda: api.counts()["completed"] >= number, 300)
            drained = time.perf_counter() - begun
        return {"submit": number / submitted, "drain": (number - first) / drained}


def measure(folder: Path, *, number: int, rounds: int, peer_number: int) -> list[Row]:
    seen: dict[str, list[dict[str, float]]] = {"product": [], "floor": [], "huey": [], "saq": []}
    for _ in range(rounds):
        seen["floor"].append(_script("floors/sqlite_loop.py", folder, number))
        seen["product"].append(_product(folder, number))
        seen["huey"].append(_script("peers/huey_peer.py", folder, peer_number))
        seen["saq"].append(_script("peers/saq_peer.py", folder, peer_number))
    middle = {
        who: {what: statistics.median(run[what] for run in runs) for what in ("submit", "drain")}
        for who, runs in seen.items()
    }
    rows = []
    for what, name, target in (("drain", "drain, 1 worker", 30_000), ("submit", "bulk submit by REST batch", 60_000)):
        spread = [run[what] for run in seen["product"]]
        rows.append(
            Row(
                name,
                "jobs/s",
                middle["product"][what],
                middle["floor"][what],
                {peer: middle[peer][what] for peer in ("huey", "saq")},
                target,
                note=f"{number:,} jobs x {rounds}, {min(spread):,.0f} to {max(spread):,.0f}; peers {peer_number:,}",
            )
        )
    return rows
