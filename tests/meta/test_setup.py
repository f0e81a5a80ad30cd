"""`make setup` on a machine that lacks something says what to install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[2] / "hack/setup.sh"
TOOLS = ("bash", "cat", "dirname", "env")

TOO_OLD = """
case "$*" in
  --version) echo Python 3.9.2 ;;
  *) exit 1 ;;
esac
"""
WITHOUT_VENV = """
case "$*" in
  *version_info.minor*) echo python3.12 ;;
  *ensurepip*) exit 1 ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that has nothing but what the script itself needs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        found = next(path for path in (Path("/usr/bin", tool), Path("/bin", tool)) if path.exists())
        (programs / tool).symlink_to(found)
    return programs


def install(programs: Path, name: str, script: str) -> None:
    (programs / name).write_text(f"#!/usr/bin/env bash\n{script}")
    (programs / name).chmod(0o755)


def setup(programs: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(programs), "HOME": os.environ.get("HOME", "/"), "VENV": str(venv)}
    return subprocess.run([str(SETUP), "all"], env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_a_python_that_is_too_old_is_named_with_what_to_install(machine: Path, tmp_path: Path) -> None:
    install(machine, "python3", TOO_OLD)

    done = setup(machine, tmp_path / "venv")

    assert 1 == done.returncode
    assert "TaskJob needs Python 3.11 or newer; found Python 3.9.2" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_a_newer_python_beside_an_old_one_is_found(machine: Path, tmp_path: Path) -> None:
    install(machine, "python3", TOO_OLD)
    install(machine, "python3.12", WITHOUT_VENV)

    assert "python3.12 has no venv module" in setup(machine, tmp_path / "venv").stderr


def test_a_python_without_venv_is_named_with_the_package(machine: Path, tmp_path: Path) -> None:
    install(machine, "python3", WITHOUT_VENV)

    done = setup(machine, tmp_path / "venv")

    assert 1 == done.returncode
    assert "apt-get install python3.12-venv" in done.stderr
    assert not (tmp_path / "venv").exists()
