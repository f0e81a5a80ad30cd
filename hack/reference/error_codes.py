"""The table of error codes, from the classes themselves. A class without words about it is an error."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator

from taskjob import errors

MODULES = ("taskjob.errors", "taskjob_engine.errors")


def classes() -> Iterator[type[errors.TaskJobError]]:
    for name in MODULES:
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
