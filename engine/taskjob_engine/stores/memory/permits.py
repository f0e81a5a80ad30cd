"""Permits of concurrency keys: who holds one, and who waits for one in which order.

The rule "held exactly while ready or leased" is `transitions.holds_permit`; the limit is the queue's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from taskjob_engine.stores.memory.ordered import Ordered

PermitKey = tuple[str, str, str]
"""(namespace, queue, concurrency key)"""


class Permits:
    def __init__(self) -> None:
        self._holders: defaultdict[PermitKey, set[str]] = defaultdict(set)
        self._waiters: defaultdict[PermitKey, Ordered[str]] = defaultdict(Ordered)

    def take(self, key: PermitKey, job: str, limit: int) -> bool:
        if len(self._holders[key]) >= limit:
            return False
        self._holders[key].add(job)
        return True

    def free(self, key: PermitKey, job: str) -> None:
        self._holders[key].discard(job)

    def wait(self, key: PermitKey, job: str, rank: int) -> None:
        self._waiters[key].put(job, rank)

    def stop_waiting(self, key: PermitKey, job: str) -> None:
        self._waiters[key].drop(job)

    def next_waiter(self, key: PermitKey, limit: int) -> str | None:
        """The best-ranked waiter, if a permit is free for it."""
        if len(self._holders[key]) >= limit:
            return None
        first = self._waiters[key].first()
        return None if first is None else first[1]

    def holders(self, key: PermitKey) -> set[str]:
        return self._holders[key]

    def keys_of(self, namespace: str, queue: str) -> Iterator[PermitKey]:
        every = list(self._waiters)
        return (key for key in every if key[:2] == (namespace, queue))  # True: a permit goes by its own queue's limit
