"""An operator that is killed at a chosen one of its writes."""

from __future__ import annotations

import threading

from counting_proxy import CountingProxy
from live_operator import LiveOperator


class Killer:
    """Ends an operator at one write that passes a proxy, counted from now."""

    def __init__(self, operator: LiveOperator, proxy: CountingProxy, number: int, when: str) -> None:
        self.operator = operator
        self.number = len(proxy.changes) + number
        self._when = when
        self.fired = threading.Event()
        proxy.act = self._act

    def _act(self, number: int, when: str) -> None:
        if not self.fired.is_set() and (number, when) == (self.number, self._when):
            self.fired.set()
            self.operator.kill()
            raise ConnectionError
