"""No-op jobs a second by executor, each in a worker of its own with concurrency 8. A command is /bin/true."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import product
from table import Row

TARGETS = {"process": 1_000.0}
COMMANDS = '[commands."bench.command"]\nargv = ["/bin/true"]\n'
PLAN = [("async", "bench.noop", 20), ("thread", "bench.thread", 10), ("process", "bench.process", 4)]


def _rate(folder: Path, task: str, number: int) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as own, product.started(Path(own)) as api:
        commands = Path(own) / "commands.toml"
        commands.write_text(COMMANDS)
        api.submit(number, {"task": task, "payload": {}})
        with api.worker(concurrency=8, commands=str(commands)):
            api.until(lambda: api.counts()["completed"] > 0, 60)
            begun, first = time.perf_counter(), api.counts()["completed"]
            api.until(lambda: api.counts()["completed"] >= number, 300)
            return (number - first) / (time.perf_counter() - begun)


def measure(folder: Path, *, scale: int) -> list[Row]:
    plan = [*PLAN, ("command", "bench.command", 1)]
    rates = {name: _rate(folder, task, thousands * 1000 * scale) for name, task, thousands in plan}
    return [
        Row(f"{name} executor", "jobs/s", rate, rates["async"], target=TARGETS.get(name), note="floor: async")
        for name, rate in rates.items()
    ]
