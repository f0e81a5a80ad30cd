"""The user's tasks: which module a MODULE or FILE argument means, and which folders its code lives in.

It finds, it never imports: user code runs in the worker only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from taskjob.errors import NotFoundError

DEMO_MODULE = "taskjob.cli.dev.demo"
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_MOST_FOLDERS = 2000
"""Looked into; somebody who starts in a home folder must not wait for all of it."""
_HINT = "name a Python file or module that defines tasks"


class Source(msgspec.Struct, frozen=True):
    """`root` goes onto the worker's import path; `shown` is how messages name the module."""

    module: str
    root: Path
    shown: str
    code: Path | None
    """The folder whose changes reload the worker; None for the built-in demo."""

    def import_path(self) -> str:
        """PYTHONPATH of the worker."""
        return os.pathsep.join(filter(None, (str(self.root), os.environ.get("PYTHONPATH"))))

    def folders(self) -> list[Path]:
        """The folders with Python code, to be watched each for itself (a data folder beside them is left alone)."""
        return [] if self.code is None else list(_code_folders(self.code))


def find_source(argument: str | None, folder: Path) -> Source:
    """`tasks.py` in `folder`, else the built-in demo task, where nothing is named. Raises `NotFoundError`."""
    if argument is None:
        file = folder / "tasks.py"
        return (
            _from_file(file, "tasks.py") if file.is_file() else Source(DEMO_MODULE, folder, "the built-in demo", None)
        )
    if argument.endswith(".py") or os.sep in argument:
        file = (folder / argument).resolve()
        if not file.is_file():
            raise NotFoundError(f"there is no file {argument}", hint=_HINT)
        return _from_file(file, argument)
    parts = argument.split(".")
    if not all(part.isidentifier() for part in parts):
        raise NotFoundError(f"{argument!r} names neither a Python file nor a module", hint=_HINT)
    relative = Path(*parts)
    if (folder / relative.with_suffix(".py")).is_file() or (folder / relative / "__init__.py").is_file():
        return Source(argument, folder, argument, folder)
    return _installed(argument)


def _from_file(file: Path, shown: str) -> Source:
    """A file inside packages is imported under its dotted name, so that its relative imports work."""
    parts, root = [file.stem], file.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if parts[-1] == "__init__":
        parts.pop()
    return Source(".".join(parts), root, shown, root)


def _installed(module: str) -> Source:
    from importlib.util import find_spec  # noqa: PLC0415 - only for a module that is not in this folder

    try:
        spec = find_spec(module.partition(".")[0])
    except ValueError:
        spec = None
    if spec is None:
        raise NotFoundError(
            f"there is no module {module!r} here or among the installed ones",
            hint="run it in the folder of your module, or name a file: taskjob dev path/to/tasks.py",
        )
    if spec.submodule_search_locations:
        package = Path(next(iter(spec.submodule_search_locations)))
        return Source(module, package.parent, module, package)
    home = Path(spec.origin or ".").parent
    return Source(module, home, module, home)


def _code_folders(root: Path) -> Iterator[Path]:
    for folder, children, files in islice(os.walk(root), _MOST_FOLDERS):
        children[:] = sorted(name for name in children if _may_hold_code(Path(folder, name)))
        if folder == str(root) or any(name.endswith(".py") for name in files):
            yield Path(folder)


def _may_hold_code(folder: Path) -> bool:
    return not (folder.name.startswith(".") or folder.name in _SKIPPED or (folder / "pyvenv.cfg").is_file())
