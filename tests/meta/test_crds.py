"""The committed definitions, and the chart's copy, are what the documents say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("crds", "helm/taskjob/files/crds")


def generate(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "hack/crds.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_the_committed_definitions_are_fresh() -> None:
    """Run `make generate` after a change of a document, a rule or a column."""
    assert (0, "") == generate("--check")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_changed_definition_is_noticed_and_mended(copy: Path, folder: str) -> None:
    file = copy / folder / "taskjobs.yaml"
    file.write_text(file.read_text().replace("maximum: 1000\n", "maximum: 1001\n", 1))

    code, said = generate("--check", str(copy))
    assert 1 == code
    assert f"-{' ' * 16}maximum: 1001" in said
    assert "Run: make generate" in said

    assert 0 == generate(str(copy))[0]
    assert (0, "") == generate("--check", str(copy))


def test_a_definition_that_is_none_any_more_is_removed(copy: Path) -> None:
    old = copy / "crds/taskschedules.yaml"
    old.write_text("kind: CustomResourceDefinition\n")

    assert 1 == generate("--check", str(copy))[0]
    assert 0 == generate(str(copy))[0]
    assert not old.exists()
