"""The coverage limits refuse what is below them, and what was never measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

GATE = Path(__file__).parents[2] / "hack/coverage_gate.py"
FILES = {
    "engine/taskjob_engine/a.py": 95,
    "api/taskjob_api/a.py": 90,
    "client/taskjob/a.py": 90,
    "worker/taskjob_worker/a.py": 90,
    "operator/taskjob_operator/a.py": 90,
}


def judge(folder: Path, covered: dict[str, int]) -> int:
    """Exit code for a report in which each file has 80 lines and 20 branches, so many of them covered."""
    report = folder / "coverage.json"
    files = {
        path: {
            "summary": {
                "num_statements": 80,
                "num_branches": 20,
                "covered_lines": count - 20,
                "covered_branches": 20,
                "missing_lines": 100 - count,
                "missing_branches": 0,
            },
            "missing_lines": [],
        }
        for path, count in covered.items()
    }
    report.write_text(json.dumps({"files": files}))
    return subprocess.run([sys.executable, str(GATE), str(report)], check=False, timeout=60).returncode


def test_the_limits_themselves_pass(tmp_path: Path) -> None:
    assert 0 == judge(tmp_path, FILES)


@pytest.mark.parametrize("path", FILES)
def test_one_below_a_limit_fails(tmp_path: Path, path: str) -> None:
    assert 1 == judge(tmp_path, FILES | {path: FILES[path] - 1})


@pytest.mark.parametrize("path", FILES)
def test_a_component_that_was_not_measured_fails(tmp_path: Path, path: str) -> None:
    assert 1 == judge(tmp_path, {name: count for name, count in FILES.items() if name != path})
