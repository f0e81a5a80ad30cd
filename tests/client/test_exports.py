"""What `taskjob` offers, and that asking for one thing does not load the others."""

from __future__ import annotations

import subprocess
import sys

import pytest

import taskjob


def _loaded_by(program: str) -> set[str]:
    listing = f"{program}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_all_is_what_is_public() -> None:
    modules = {"annotations", "TYPE_CHECKING", "Any", "import_module"}
    public = {name for name in dir(taskjob) if not name.startswith("_")} - modules
    submodules = {name for name in public if f"taskjob.{name}" in sys.modules}

    assert sorted(public - submodules) == taskjob.__all__
    assert set(taskjob.__all__) == {
        "AsyncClient",
        "Cancel",
        "Client",
        "Context",
        "Retry",
        "Snooze",
        "TaskJobError",
        "task",
    }


@pytest.mark.parametrize("name", taskjob.__all__)
def test_every_export_is_there(name: str) -> None:
    assert getattr(taskjob, name).__name__ == name


def test_an_unknown_export_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Task'"):
        taskjob.Task  # noqa: B018


def test_task_is_the_decorator_after_its_module_was_imported() -> None:
    loaded = "import taskjob.decorator\nfrom taskjob import task\nassert callable(task), task\n@task\ndef f(): ..."

    assert "taskjob.decorator" in _loaded_by(loaded)


def test_no_module_has_the_name_of_an_export() -> None:
    assert not {name for name in taskjob.__all__ if f"taskjob.{name}" in sys.modules}


def test_the_decorator_brings_neither_client_nor_pydantic() -> None:
    loaded = _loaded_by("from taskjob import task, Context, Retry")

    assert not {"httpx2", "pydantic", "click", "rich", "yaml", "taskjob.client"} & loaded


def test_the_client_brings_neither_pydantic_nor_the_command_line() -> None:
    assert not {"pydantic", "click", "rich", "yaml", "taskjob.cli"} & _loaded_by("from taskjob import Client")
