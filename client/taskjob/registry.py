"""The tasks of this process by name, and loading the modules that define them.

Names resolve only here: a task name in a job is a key, never something to import.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskjob.errors import ConflictError, InvalidError

if TYPE_CHECKING:
    from taskjob.decorator import Task


class DuplicateTaskError(ConflictError):
    code = "DuplicateTask"
    title = "Two tasks have one name"


class CannotLoadTasksError(InvalidError):
    code = "CannotLoadTasks"
    title = "The module with the tasks cannot be loaded"


class Registry:
    """Task by name. A process has one, `registry`; tests make their own."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task[..., Any]] = {}

    def add(self, task: Task[..., Any]) -> None:
        """Raises `DuplicateTaskError` unless it is the same definition read again (a module run as `__main__`)."""
        known = self._tasks.get(task.name)
        if known is not None and known.place != task.place:
            raise DuplicateTaskError(
                f"task {task.name!r} is defined at {known.place} and again at {task.place}",
                hint="give one of them another name: @task(name=...)",
            )
        self._tasks[task.name] = task

    def get(self, name: str) -> Task[..., Any] | None:
        return self._tasks.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._tasks))

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task[..., Any]]:
        return iter(self._tasks.values())


registry = Registry()


def load(spec: str) -> None:
    """Import MODULE (`media.tasks`) or FILE.py, whose `@task` functions then stand in `registry`.

    The current directory is importable, as it is for `python -m`. Raises `CannotLoadTasksError` where nothing is
    found or the module itself fails (the fault is its cause).
    """
    sys.path[:0] = [] if "" in sys.path or str(Path.cwd()) in sys.path else [str(Path.cwd())]
    try:
        if spec.endswith(".py") or "/" in spec:
            _load_file(Path(spec))
        else:
            importlib.import_module(spec)
    except (CannotLoadTasksError, DuplicateTaskError):
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not (spec == error.name or spec.startswith(f"{error.name}.")):
            raise CannotLoadTasksError(
                f"{spec} imports {error.name}, which is not installed",
                hint=f"install it where the worker runs ({sys.prefix})",
            ) from error
        raise CannotLoadTasksError(
            f"no module {spec!r}", hint="name an importable module or a file: taskjob worker ./tasks.py"
        ) from error
    except (Exception, SystemExit) as error:
        raise CannotLoadTasksError(
            f"{spec} failed while it was imported: {type(error).__name__}: {error}",
            hint="mend it, then start the worker again",
        ) from error


def _load_file(path: Path) -> None:
    if not path.is_file():
        raise CannotLoadTasksError(f"no file {str(path)!r}", hint="name a file or a module: taskjob worker ./tasks.py")
    name = path.stem
    resolved = path.resolve()
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(resolved):
        return
    if known is not None:
        name = f"taskjob_tasks_{path.stem}"
    folder = str(resolved.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise CannotLoadTasksError(f"{str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
