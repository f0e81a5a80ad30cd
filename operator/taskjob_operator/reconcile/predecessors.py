"""Jobs of deleted TaskJobs that have not ended yet: a new TaskJob of the same name waits for them.

Deleting and creating again under one name is how people restart a job; the two must not run beside each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from taskjob.model import Owner

Name = tuple[str, str]


class Predecessors:
    """`on_release` is called with a name whose last stopping job has ended."""

    def __init__(self, *, on_release: Callable[[Name], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_release = on_release
        self._clock = clock
        self._stopping: dict[Name, dict[str, tuple[Owner, float]]] = {}
        self._name_of: dict[str, Name] = {}
        self._found: dict[Name, list[tuple[Owner, str]]] = {}

    def found(self, owned: Iterable[tuple[Owner, str]]) -> None:
        """Live jobs as this process found them when it began: the deletion of their TaskJob may have gone unseen."""
        for owner, job in owned:
            self._found.setdefault((owner.namespace, owner.name), []).append((owner, job))

    def left_behind(self, name: Name, uid: str) -> list[tuple[Owner, str]]:
        """Those of an object that had this name before `uid`. Told once."""
        return [(owner, job) for owner, job in self._found.pop(name, ()) if owner.uid != uid]

    def swept(self) -> None:
        """A sweep has looked after all that was found."""
        self._found.clear()

    def stopping(self, name: Name) -> list[str]:
        """Jobs that TaskJobs of this name had and that may still run."""
        return list(self._stopping.get(name, ()))

    def add(self, owner: Owner, job: str) -> None:
        """To be called before the job is disowned: its end may be told before the answer to that."""
        name = (owner.namespace, owner.name)
        self._stopping.setdefault(name, {}).setdefault(job, (owner, self._clock()))
        self._name_of[job] = name

    def ended(self, job: str) -> None:
        name = self._name_of.pop(job, None)
        if name is None:
            return
        jobs = self._stopping[name]
        jobs.pop(job, None)
        if not jobs:
            del self._stopping[name]
            self._on_release(name)

    def older_than(self, seconds: float) -> list[tuple[Owner, str]]:
        """Jobs that have been stopping for so long, and whose they were: worth asking again."""
        before = self._clock() - seconds
        return [
            (owner, job) for jobs in self._stopping.values() for job, (owner, since) in jobs.items() if since < before
        ]
