"""The import contracts hold, and each of them breaks when one of its arrows is turned round."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPONENTS = ("client", "engine", "api", "worker", "operator")

TURNED = {
    "doors": ("engine/taskjob_engine/engine.py", "import taskjob_api"),
    "worker": ("client/taskjob/errors.py", "import taskjob_engine.errors"),
    "sdk": ("client/taskjob/model/job.py", "import taskjob_worker"),
    "operator": ("operator/taskjob_operator/__init__.py", "import taskjob_engine"),
    "operator-apart": ("worker/taskjob_worker/turned_to_operator.py", "import taskjob_operator"),
    "operator-kopf": ("operator/taskjob_operator/status/turned.py", "import kopf"),
    "operator-rooms": ("operator/taskjob_operator/record.py", "import taskjob_operator.reconcile"),
    "operator-queues": ("operator/taskjob_operator/resources/turned.py", "import taskjob_operator.queues"),
    "operator-libraries": ("operator/taskjob_operator/turned.py", "import httpx2"),
    "api-kubernetes": ("api/taskjob_api/identity/turned.py", "import taskjob_api.kubernetes.api_server"),
    "api-libraries": ("api/taskjob_api/kubernetes/turned.py", "import kubernetes"),
    "worker-libraries": ("worker/taskjob_worker/turned.py", "import pydantic"),
    "vocabulary-libraries": ("client/taskjob/wire/codec.py", "import httpx2"),
    "engine-libraries": ("engine/taskjob_engine/store/protocol.py", "import fastapi"),
    "engine-vocabulary": ("engine/taskjob_engine/settings.py", "import taskjob.spec"),
    "engine-layers": ("engine/taskjob_engine/lifecycle/state.py", "import taskjob_engine.engine"),
    "stores": ("engine/taskjob_engine/stores/memory/turned.py", "import taskjob_engine.stores.sqlite"),
    "drivers": ("engine/taskjob_engine/maintenance/turned.py", "import sqlite3"),
    "composition": ("api/taskjob_api/routers/turned.py", "import taskjob_engine.stores.memory"),
}
"""Contract → (file, line added to it)."""


def names_of_contracts() -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {
        section.removeprefix(prefix): parser[section]["name"]
        for section in parser.sections()
        if section.startswith(prefix)
    }


def verdicts(root: Path) -> dict[str, str]:
    """Contract name → KEPT or BROKEN, as lint-imports sees the tree at `root`."""
    script = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(root / part) for part in COMPONENTS), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found = dict(re.findall(r"^(.+) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?$", done.stdout, re.MULTILINE))
    assert found, done.stdout + done.stderr
    return found


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / ".importlinter", tmp_path)
    for part in COMPONENTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
    return tmp_path


def test_every_contract_has_an_arrow_to_turn() -> None:
    assert set(TURNED) == set(names_of_contracts())


def test_the_contracts_hold_and_break_when_an_arrow_is_turned(copy: Path) -> None:
    names = names_of_contracts()

    assert dict.fromkeys(names.values(), "KEPT") == verdicts(copy)

    for file, line in TURNED.values():
        with (copy / file).open("a") as module:
            module.write(f"\n{line}\n")

    assert dict.fromkeys(names.values(), "BROKEN") == verdicts(copy)


def test_a_module_of_the_engine_that_nobody_placed_breaks_the_layers(copy: Path) -> None:
    (copy / "engine/taskjob_engine/unplaced.py").touch()

    assert "BROKEN" == verdicts(copy)[names_of_contracts()["engine-layers"]]
