"""The client of the REST API: `Client` and `AsyncClient`.

What a call sends and how its answer is read is pure and shared (`requests`, `problems`, `backoff`); the two
senders only move bytes and sleep. Nothing here imports the task registry, the server or a terminal library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from taskjob.client.aio import AsyncClient
    from taskjob.client.requests import JobQuery
    from taskjob.client.sync import Client
    from taskjob.client.waiting import JobFailedError

__all__ = ["AsyncClient", "Client", "JobFailedError", "JobQuery"]

_HOMES = {
    "AsyncClient": "taskjob.client.aio",
    "Client": "taskjob.client.sync",
    "JobFailedError": "taskjob.client.waiting",
    "JobQuery": "taskjob.client.requests",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value
