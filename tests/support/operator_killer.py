"""An operator that is killed at a chosen one of its writes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from counting_proxy import CountingProxy
from live_operator import LiveOperator


class Killer:
    """Ends an operator at one write that passes a proxy, counted from now among those that are `wanted`."""

    def __init__(
        self,
        operator: LiveOperator,
        proxy: CountingProxy,
        number: int,
        when: str,
        wanted: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.operator = operator
        self.fired = threading.Event()
        self._changes = proxy.changes
        self._start = len(proxy.changes)
        self._point = (number, when)
        self._wanted = wanted
        proxy.act = self._act

    @property
    def undecided(self) -> bool:
        """The write has come and has not killed yet, though what it does may be seen already."""
        return not self.fired.is_set() and self._count(len(self._changes)) >= self._point[0]

    def _count(self, number: int) -> int:
        return sum(map(self._wanted, self._changes[self._start : number]))

    def _act(self, number: int, when: str) -> None:
        if self.fired.is_set() or not self._wanted(self._changes[number - 1]):
            return
        if (self._count(number), when) == self._point:
            self.fired.set()
            self.operator.kill()
            raise ConnectionError
