"""A job that no worker will take is accepted all the same: say so at once, rather than let a person wait."""

from __future__ import annotations

from collections.abc import Collection

from taskjob.cli.output import warn
from taskjob.client import Client
from taskjob.errors import TaskJobError

_SHOWN = 3


def warn_unless_known(client: Client, wanted: Collection[tuple[str, str]]) -> None:
    """`wanted` are (queue, task) pairs. Says nothing where the workers cannot be read."""
    try:
        workers = [worker for worker in client.workers() if not worker.closed]
    except TaskJobError:
        return
    knows_task = {task for worker in workers for task in worker.tasks}
    served = {(queue, task) for worker in workers for queue in worker.queues for task in worker.tasks}
    for queue, task in sorted(set(wanted) - served)[:_SHOWN]:
        if not workers:
            warn(f"no worker is connected: the job waits. Start one: taskjob worker MODULE --queue {queue}")
            return
        if task not in knows_task:
            known = ", ".join(sorted(knows_task)) or "none"
            warn(f"no connected worker knows the task {task!r}: the job waits for one. Known: {known}")
        else:
            warn(f"no connected worker serves {task!r} in the queue {queue!r}: the job waits for one")
