"""A page of memory that the guardian and its worker share: times and counts, each a double, each with one writer.

Shared memory and not a pipe, because it must work while the worker's interpreter is stuck and cannot be read late.
An aligned double is written in one store, so there is nothing to lock. Times are on the monotonic clock, which
all processes of a machine share.
"""

from __future__ import annotations

import mmap

_FIELDS = 4


class Board:
    def __init__(self) -> None:
        self._cells = memoryview(mmap.mmap(-1, 8 * _FIELDS)).cast("d")

    @property
    def worker_renewed_at(self) -> float:
        """When the worker sent the last renewal that was accepted; 0 before the first."""
        return self._cells[0]

    @worker_renewed_at.setter
    def worker_renewed_at(self, at: float) -> None:
        self._cells[0] = at

    @property
    def guardian_renewed_at(self) -> float:
        return self._cells[1]

    @guardian_renewed_at.setter
    def guardian_renewed_at(self, at: float) -> None:
        self._cells[1] = at

    @property
    def running(self) -> float:
        """How many tasks the worker runs."""
        return self._cells[2]

    @running.setter
    def running(self, count: float) -> None:
        self._cells[2] = count

    @property
    def overdue_at(self) -> float:
        """When a running task will be so far over its time that only a stuck worker can still be running it;
        0 without any."""
        return self._cells[3]

    @overdue_at.setter
    def overdue_at(self, at: float) -> None:
        self._cells[3] = at

    def reset(self) -> None:
        """A new worker process begins."""
        for index in range(_FIELDS):
            self._cells[index] = 0.0
