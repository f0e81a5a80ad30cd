"""A short slice of `make chaos`: api and workers are killed, drained and frozen under load; the judge stays outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
API_KILLS, WORKER_KILLS = 2, 4


@pytest.mark.uncovered
def test_kills_under_load_lose_nothing_and_double_nothing() -> None:
    done = subprocess.run(
        [
            *(sys.executable, RUN, "--seed", "20261123", "--seconds", "12", "--rate", "15"),
            *("--api-kills", str(API_KILLS), "--worker-kills", str(WORKER_KILLS), "--cuts", "12"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert 0 == done.returncode, done.stdout[-6000:] + done.stderr[-6000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (API_KILLS, WORKER_KILLS) == (figures["api_kills"], figures["worker_kills"])
    assert 50 < figures["jobs"]
    assert 50 < figures["executions"]
    assert 50 < figures["settled"]
    assert 0 < figures["replayed"]
    assert [0, 0, 0, 0] == [figures[name] for name in ("lost", "doubled", "unexplained", "broken")]
