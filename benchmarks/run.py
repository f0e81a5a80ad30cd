"""`make bench`: every figure beside its floor and two peers, measured in one run on this machine.

    python benchmarks/run.py [--quick] [--only NAME ...] [--folder DIR]

Stores live on a real disk (a tmpfs is refused) with durable settings: SQLite WAL synchronous=FULL, Huey with
fsync, Redis with appendfsync always. Absolute numbers depend on the machine; the ratios are the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import machine
from measures import executors, idle_worker, latency, lease_backlog, recovery, single_submit, throughput
from table import Row, render


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the jobs, one round: a smoke test, not a figure"
    )
    parser.add_argument("--only", nargs="*", default=[], help="names of measures")
    parser.add_argument("--folder", type=Path, default=Path.cwd() / ".bench")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    machine.refuse_tmpfs(options.folder)
    machine.refuse_missing({"redis-server": "redis-server", "wrk": "wrk"})
    quick = options.quick
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        measures: dict[str, Callable[[], list[Row]]] = {
            "throughput": lambda: throughput.measure(
                folder,
                number=30_000 if quick else 300_000,
                rounds=1 if quick else 5,
                peer_number=2_000 if quick else 10_000,
            ),
            "single_submit": lambda: [single_submit.measure(folder, seconds=3 if quick else 10)],
            "latency": lambda: latency.measure(folder, number=200 if quick else 1500),
            "executors": lambda: executors.measure(folder, scale=1 if quick else 2),
            "idle_worker": lambda: idle_worker.measure(folder),
            "lease_backlog": lambda: [lease_backlog.measure(folder, many=100_000 if quick else 1_000_000)],
            "recovery": lambda: recovery.measure(folder),
        }
        print("\n".join(machine.describe(folder)))
        print(f"one durable 4 KiB append here: {machine.fsync_microseconds(folder):.0f} µs")
        rows: list[Row] = []
        for measure in options.only or measures:
            rows += measures[measure]()
            print(f"… {measure} measured", file=sys.stderr)
    print(render(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
