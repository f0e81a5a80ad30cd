"""Workers that vanish while they run jobs: how long until another worker has started each job again.

Each of the victims is a whole worker, its guardian included, so nobody is left to tell: killed, its connection
drops; stopped, it falls silent and its leases lapse. Both clocks are this machine's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import product
from measures.idle_worker import tree
from table import Row

VICTIMS = 10
TTL_SECONDS = 15
"""The product's own, where no setting says otherwise."""


def _starts(stamps: Path) -> dict[int, list[float]]:
    """Of each job, when its deliveries began."""
    found: dict[int, list[float]] = defaultdict(list)
    for line in stamps.read_text().splitlines() if stamps.exists() else ():
        number, at = line.split()
        found[int(number)].append(float(at))
    return found


def _spans(folder: Path, number: signal.Signals, seconds: float) -> list[float]:
    """`number` is sent to every process of the victims at one time."""
    stamps = folder / "stamps"
    with product.started(folder) as api, contextlib.ExitStack() as running:
        settled_at = time.monotonic() + TTL_SECONDS + 2
        victims: list[subprocess.Popen[bytes]] = []
        for index in range(VICTIMS):
            victims.append(running.enter_context(api.worker(concurrency=1, BENCH_STAMPS=str(stamps))))
            api.http.post("/jobs", json={"task": "bench.hold", "payload": {"number": index}}).raise_for_status()
            api.until(lambda: len(_starts(stamps)) == len(victims), 30)
        running.enter_context(api.worker(concurrency=VICTIMS, BENCH_STAMPS=str(stamps)))
        time.sleep(max(2.0, settled_at - time.monotonic()))  # after its start the api holds off for one TTL (G5)
        at = time.time()
        struck = [pid for victim in victims for pid in tree(victim.pid)]
        for pid in struck:
            os.kill(pid, number)
        try:
            api.until(lambda: all(len(starts) > 1 for starts in _starts(stamps).values()), seconds)
        finally:
            for pid in struck:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    return sorted(starts[1] - at for starts in _starts(stamps).values())


def measure(folder: Path) -> list[Row]:
    rows = []
    for what, number, target in (
        ("connection dropped → started again", signal.SIGKILL, 3.0),
        ("worker silent → started again", signal.SIGSTOP, TTL_SECONDS + 2.0),
    ):
        with tempfile.TemporaryDirectory(dir=folder) as own:
            spans = _spans(Path(own), number, 60)
        note = f"the slowest of {VICTIMS}, median {statistics.median(spans):.2f} s"
        rows.append(Row(what, "s", spans[-1], target=target, better="lower", note=note))
    return rows
