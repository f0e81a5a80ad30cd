"""Failures of which there is no Event, counted for the TaskQueues that exist."""

from __future__ import annotations

Key = tuple[str, str]
"""(namespace, name)"""


class Untold:
    """Bounded by the TaskQueues: what names a queue without one is not counted."""

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}

    def follow(self, key: Key) -> None:
        """Count for this TaskQueue from now on, from 0."""
        self._counts[key] = 0

    def forget(self, key: Key) -> None:
        self._counts.pop(key, None)

    def add(self, key: Key) -> None:
        if key in self._counts:
            self._counts[key] += 1

    def of(self, key: Key) -> int:
        return self._counts.get(key, 0)
