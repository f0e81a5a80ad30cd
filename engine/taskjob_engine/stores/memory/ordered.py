"""An ordered set of ids by (rank, id): a dict for the truth and a heap that may hold stale entries."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=str | tuple[str, str])


class Ordered(Generic[K]):
    """`put` and `drop` cost O(log n), `first` amortised the same."""

    def __init__(self) -> None:
        self._ranks: dict[K, int] = {}
        self._heap: list[tuple[int, K]] = []

    def __len__(self) -> int:
        return len(self._ranks)

    def __contains__(self, key: K) -> bool:
        return key in self._ranks

    def __iter__(self) -> Iterator[tuple[int, K]]:
        """Every (rank, id), in no order."""
        return ((rank, key) for key, rank in self._ranks.items())

    def put(self, key: K, rank: int) -> None:
        if self._ranks.get(key) == rank:
            return
        self._ranks[key] = rank
        heapq.heappush(self._heap, (rank, key))
        if len(self._heap) > 2 * len(self._ranks) + 64:
            self._heap = [(rank, key) for key, rank in self._ranks.items()]
            heapq.heapify(self._heap)

    def drop(self, key: K) -> None:
        self._ranks.pop(key, None)

    def first(self) -> tuple[int, K] | None:
        """The lowest (rank, id)."""
        while self._heap:
            rank, key = self._heap[0]
            if self._ranks.get(key) == rank:
                return rank, key
            heapq.heappop(self._heap)
        return None

    def until(self, rank: int, limit: int) -> list[K]:
        """Up to `limit` ids whose rank is not above `rank`, lowest first. They stay in the set."""
        found: list[tuple[int, K]] = []
        while len(found) < limit and (first := self.first()) is not None and first[0] <= rank:
            found.append(heapq.heappop(self._heap))
            while self._heap and self._heap[0] == found[-1]:
                heapq.heappop(self._heap)
        for entry in found:
            heapq.heappush(self._heap, entry)
        return [key for _, key in found]
