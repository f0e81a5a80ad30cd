"""TaskJob: background jobs on workers that are already warm.

Everything public is named in `__all__` and imported on first use, so that a worker does not pay for the client
nor a client for the task registry. This file holds no code of its own.

No module of this package may be named like an export: importing `taskjob.task`, if there were one, would put that
module where `from taskjob import task` looks for the decorator. Hence `taskjob.decorator`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskjob.client.aio import AsyncClient
    from taskjob.client.sync import Client
    from taskjob.context import Context
    from taskjob.decorator import task
    from taskjob.errors import TaskJobError
    from taskjob.signals import Cancel, Retry, Snooze

__all__ = ["AsyncClient", "Cancel", "Client", "Context", "Retry", "Snooze", "TaskJobError", "task"]

_HOMES = {
    "AsyncClient": "taskjob.client.aio",
    "Cancel": "taskjob.signals",
    "Client": "taskjob.client.sync",
    "Context": "taskjob.context",
    "Retry": "taskjob.signals",
    "Snooze": "taskjob.signals",
    "TaskJobError": "taskjob.errors",
    "task": "taskjob.decorator",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
