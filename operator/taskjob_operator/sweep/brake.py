"""The jobs that the sweep holds back until a person confirms, as others may know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Brake:
    """`on_change` is called with the namespaces of which something else is true now."""

    def __init__(self) -> None:
        self._held: Mapping[str, int] | None = None
        self.on_change: Callable[[set[str]], None] = lambda _: None

    def holds(self, held: Mapping[str, int]) -> None:
        """So many jobs of each namespace, and none of the others."""
        before, self._held = self._held, held
        former = {} if before is None else before
        self.on_change({name for name in {*former, *held} if former.get(name) != held.get(name)})

    def held(self, namespace: str) -> int | None:
        """None while no sweep has said."""
        return None if self._held is None else self._held.get(namespace, 0)
