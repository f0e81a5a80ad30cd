"""The server and the worker as the command line sees them: by name, where they are installed.

The SDK must not import them (a worker's image holds no server, a user's program neither); this is the one door
through which a command starts what it does not depend on.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from taskjob.errors import InvalidError


def component(module: str, *, extra: str) -> ModuleType:
    """Raises `InvalidError` naming the extra where a library that it needs is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if missing.partition(".")[0] == "taskjob":
            raise
        raise InvalidError(f"{missing} is not installed", hint=f"pip install 'taskjob[{extra}]'") from error
