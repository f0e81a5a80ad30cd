"""The table of error codes, from the classes themselves. A class without words about it is an error."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from taskjob import errors

ROOT = Path(__file__).parents[2]
COMPONENTS = ("client", "engine", "worker", "api", "operator")


def modules() -> Iterator[str]:
    """Every module that defines a code, the root of all errors first."""
    for component in COMPONENTS:
        for path in sorted((ROOT / component).rglob("*.py"), key=lambda path: (path.name != "errors.py", path)):
            if re.search(r"^    code(: ClassVar\[str\])? = ", path.read_text(), re.MULTILINE):
                yield ".".join(path.relative_to(ROOT / component).with_suffix("").parts)


def classes() -> Iterator[type[errors.TaskJobError]]:
    for name in modules():
        module = importlib.import_module(name)
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, errors.TaskJobError) and value.__module__ == name:
                yield value


def words(error: type[errors.TaskJobError]) -> str:
    """What the module's tree or the class's own docstring says of it."""
    line = re.search(rf"{error.__name__} +(.+)", errors.__doc__ or "")
    if line:
        return line[1].strip()
    own = error.__dict__.get("__doc__")
    return " ".join(inspect.cleandoc(own).split()) if own else error.title


def render() -> str:
    lines = [
        "| code | HTTP | retry the same call | Python class | meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{error.code}` | {error.status} | {'yes' if error.retryable else 'no'} | `{error.__name__}` "
        f"| {words(error)} |"
        for error in classes()
    ]
    return "\n".join(lines)
