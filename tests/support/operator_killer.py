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

    def _act(self, number: int, when: str) -> None:
        if self.fired.is_set() or not self._wanted(self._changes[number - 1]):
            return
        if (sum(map(self._wanted, self._changes[self._start : number])), when) == self._point:
            self.fired.set()
            self.operator.kill()
            raise ConnectionError
