"""A job that no worker will take is accepted all the same: say so at once, rather than let a person wait."""

from __future__ import annotations

import time
from collections.abc import Collection

from taskjob.cli.output import warn
from taskjob.client import Client
from taskjob.client.views import WorkerView
from taskjob.errors import TaskJobError

_SHOWN = 3
_PATIENCE_SECONDS = 2.5
"""`taskjob dev` gives a new queue a worker within about a second: no alarm before that."""

Served = tuple[str, str]
"""A queue and a task."""


def warn_unless_known(client: Client, wanted: Collection[Served]) -> None:
    """Says nothing where the workers cannot be read."""
    end = time.monotonic() + _PATIENCE_SECONDS
    try:
        workers = _connected(client)
        while _only_queues_lack(workers, wanted) and time.monotonic() < end:
            time.sleep(0.2)
            workers = _connected(client)
    except TaskJobError:
        return
    if wanted and not workers:
        warn("no worker is connected: the job waits for one. Start it with: taskjob worker MODULE")
        return
    for queue, task in sorted(set(wanted) - _served(workers))[:_SHOWN]:
        if task in _known(workers):
            warn(f"no connected worker serves {task!r} in the queue {queue!r}: the job waits for one")
        else:
            known = ", ".join(sorted(_known(workers))) or "none"
            warn(f"no connected worker knows the task {task!r}: the job waits for one. Known: {known}")


def _connected(client: Client) -> list[WorkerView]:
    return [worker for worker in client.workers() if not worker.closed]


def _known(workers: list[WorkerView]) -> set[str]:
    return {task for worker in workers for task in worker.tasks}


def _served(workers: list[WorkerView]) -> set[Served]:
    return {(queue, task) for worker in workers for queue in worker.queues for task in worker.tasks}


def _only_queues_lack(workers: list[WorkerView], wanted: Collection[Served]) -> bool:
    lacking = set(wanted) - _served(workers)
    return bool(lacking) and {task for _, task in lacking} <= _known(workers)
