"""A test that cannot run on this machine is skipped on a laptop and fails on CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RULES = Path(__file__).parents[1] / "conftest.py"
TESTS = """
import pytest

def test_by_call(): pytest.skip("needs a call")

@pytest.mark.skipif(True, reason="needs a mark")
def test_by_mark(): pass

expected_failure = pytest.mark.xfail

@expected_failure
def test_expected_failure(): assert False
"""
MODULE = """
import pytest
pytest.skip("needs a module", allow_module_level=True)
"""


def run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(RULES.read_text())
    (folder / "test_two.py").write_text(TESTS)
    (folder / "test_module.py").write_text(MODULE)
    inherited = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir", str(folder), "-c", os.devnull, *options, str(folder)],
        env={**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_skip_of_any_kind_fails_on_ci_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path, "--continue-on-collection-errors", CI="true")

    assert 1 == done.returncode, done.stdout
    assert "1 failed, 1 xfailed, 2 errors" in done.stdout
    for reason in ("needs a call", "needs a mark", "needs a module"):
        assert reason in done.stdout
    assert "CI=true allows no gap" in done.stdout


def test_a_skip_is_told_elsewhere(tmp_path: Path) -> None:
    done = run(tmp_path, "-rs")

    assert 0 == done.returncode, done.stdout
    assert "3 skipped, 1 xfailed" in done.stdout
    assert "needs a call" in done.stdout
