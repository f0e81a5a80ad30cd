"""One life of a set-up on a machine of its own: up, interrupted at MOMENT by a kill -9, then down; what has changed is
printed as JSON. Run by test_footprint.py within support/own_machine.sh.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SET_UP = Path(__file__).parents[2] / "hack/kind"
sys.path.insert(0, str(SET_UP))

import docker_engine  # noqa: E402
import footprint  # noqa: E402
import leftovers  # noqa: E402
import places  # noqa: E402

LIMIT_SECONDS = 400


def engine_answers() -> bool:
    return docker_engine.use_ours()


def nodes_run() -> bool:
    return docker_engine.use_ours() and bool(docker_engine.containers("label=io.x-k8s.kind.cluster", "status=running"))


MOMENTS: dict[str, Callable[[], bool]] = {
    "engine": engine_answers,
    "nodes": nodes_run,
    "nodes-and-engine": nodes_run,
    "never": lambda: False,
}


def main(moment: str) -> None:
    before = footprint.take()
    up = subprocess.Popen([sys.executable, SET_UP, "up"], stdout=sys.stderr)
    deadline = time.monotonic() + LIMIT_SECONDS
    while up.poll() is None and not MOMENTS[moment]():
        assert time.monotonic() < deadline, f"up did not come to {moment} within {LIMIT_SECONDS} s"
        time.sleep(0.1)
    reached = up.poll() is None
    up.kill()
    if moment == "nodes-and-engine":
        for pid in engine():
            os.kill(pid, signal.SIGKILL)
    code = up.wait()

    subprocess.run([sys.executable, SET_UP, "down"], stdout=sys.stderr, check=True, timeout=120)
    left = footprint.added(before, footprint.take())
    changed = {name: [line for line in lines if not of_another(line)] for name, lines in left.items()}
    left = {name: lines for name, lines in changed.items() if lines}
    print(json.dumps({"interrupted": reached, "code": code, "left": left}))


def engine() -> list[int]:
    """Without shims and containers, which outlive it."""
    found = [line.split(" ") for line in footprint.processes()]
    return [int(pid) for pid, name in found if name in {"dockerd", "containerd"}]


def of_another(line: str) -> bool:
    """Cgroups are the whole machine's, and a mount ends with the folder under it: those of another engine of this kind
    come and go as it likes."""
    engines = set(re.findall(r"/(taskjob-[0-9a-f]{8})\b", line))
    if engines:
        return leftovers.cgroup_parent(places.state()) not in engines
    return line.startswith("-") and line.endswith("/merged overlay") and str(places.engine_data()) not in line


if __name__ == "__main__":
    main(sys.argv[1])
