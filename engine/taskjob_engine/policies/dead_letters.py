"""The dead letters among jobs that were just ended, counted for the metrics. Pure, used by every store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from taskjob_engine.lifecycle.state import JobState, State
from taskjob_engine.store import DeadLetters


def dead_letters(ended: Iterable[JobState]) -> tuple[DeadLetters, ...]:
    counts = Counter((job.namespace, job.queue, job.task) for job in ended if job.state is State.DEAD_LETTER)
    return tuple(
        DeadLetters(namespace=namespace, queue=queue, task=task, count=count)
        for (namespace, queue, task), count in sorted(counts.items())
    )
