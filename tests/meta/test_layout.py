"""The shape of the repository: what may stand where, so that no folder shadows a module and every package ships."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [ROOT / path for path in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]


def test_no_init_file_anywhere_under_tests() -> None:
    assert [] == sorted((ROOT / "tests").rglob("__init__.py"))


def test_no_init_file_directly_in_a_component_folder() -> None:
    assert [] == [package.parent for package in PACKAGES if (package.parent / "__init__.py").exists()]


def test_the_wheel_lists_every_package() -> None:
    found = {
        folder
        for folder in ROOT.glob("*/taskjob*")
        if (folder / "__init__.py").exists() and not folder.parent.name.startswith(".")
    }

    assert found == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_is_typed(package: Path) -> None:
    assert (package / "py.typed").exists()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_folder_with_modules_is_a_package(package: Path) -> None:
    """A folder without `__init__.py` would be left out of type checking and import contracts."""
    folders = {module.parent for module in package.rglob("*.py")}

    assert [] == sorted(folder for folder in folders if not (folder / "__init__.py").exists())


def test_the_repository_root_shadows_no_standard_module() -> None:
    names = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name in sys.stdlib_module_names]
    script = f"import operator, {', '.join(['json', *names])}; print(operator.__file__)"

    where = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()

    assert not Path(where).is_relative_to(ROOT)


def test_every_dependency_group_and_extra_is_installed_by_make_setup() -> None:
    script = (ROOT / "hack/setup.sh").read_text()

    assert [] == [name for name in PYPROJECT["dependency-groups"] if f"--group {name}" not in script]
    extras = re.search(r"^  extras=(\S+)$", script, re.MULTILINE)
    assert extras is not None
    assert set(PYPROJECT["project"]["optional-dependencies"]) == installed(extras[1].split(","))


def installed(extras: list[str]) -> set[str]:
    """These and what they name of our own."""
    found: set[str] = {"worker"}  # the base
    for extra in extras:
        found.add(extra)
        for requirement in PYPROJECT["project"]["optional-dependencies"][extra]:
            if own := re.fullmatch(r"taskjob\[(.+)\]", requirement):
                found |= installed(own[1].split(","))
    return found
