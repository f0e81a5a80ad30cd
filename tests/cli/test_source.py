"""Which module an argument of `taskjob dev` means, and which folders are watched for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskjob.cli.dev.source import DEMO_MODULE, find_source
from taskjob.errors import NotFoundError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("tasks.py", "shop/__init__.py", "shop/jobs/__init__.py", "shop/jobs/mail.py", "lib/helper.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for name in (".hidden/x.py", "node_modules/x.py", "venv/pyvenv.cfg", "venv/lib/x.py", "shop/__pycache__/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".taskjob").mkdir()
    return tmp_path


def test_nothing_means_tasks_py_else_the_demo(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert find_source(None, project).module == "tasks"
    empty = find_source(None, tmp_path_factory.mktemp("empty"))
    assert (empty.module, empty.folders()) == (DEMO_MODULE, [])


@pytest.mark.parametrize(
    ("argument", "module"),
    [
        ("tasks.py", "tasks"),
        ("./tasks.py", "tasks"),
        ("lib/helper.py", "helper"),
        ("shop/jobs/mail.py", "shop.jobs.mail"),
        ("shop/__init__.py", "shop"),
        ("shop.jobs.mail", "shop.jobs.mail"),
        ("shop", "shop"),
    ],
)
def test_files_and_modules(project: Path, argument: str, module: str) -> None:
    source = find_source(argument, project)

    assert source.module == module
    assert (source.root / Path(*module.split("."))).with_suffix(".py").exists() or source.root == project


def test_a_file_in_a_package_is_imported_from_the_packages_root(project: Path) -> None:
    assert find_source("shop/jobs/mail.py", project).root == project
    assert find_source("lib/helper.py", project).root == project / "lib"


def test_an_installed_module_watches_its_package_alone(tmp_path: Path) -> None:
    source = find_source("taskjob.cli.dev.demo", tmp_path)

    assert source.module == "taskjob.cli.dev.demo"
    assert source.folders()[0].name == "taskjob"


def test_only_folders_with_code_are_watched(project: Path) -> None:
    names = {str(folder.relative_to(project)) for folder in find_source("tasks.py", project).folders()}

    assert names == {".", "shop", "shop/jobs", "lib"}


def test_the_import_path_keeps_what_was_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")

    assert find_source("tasks.py", project).import_path() == f"{project}:/elsewhere"


@pytest.mark.parametrize("argument", ["missing.py", "no_such_module_here", "shop/none.py", ".."])
def test_what_is_not_there_is_not_found(project: Path, argument: str) -> None:
    with pytest.raises(NotFoundError):
        find_source(argument, project)
