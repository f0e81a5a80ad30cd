"""Workers that somebody is about to kill: when their connection breaks, nobody waits for them to come back."""

from __future__ import annotations

from collections.abc import Callable

from taskjob_engine.store import PrincipalEnd

DOOMED_SECONDS = 120.0
"""Longer than a node takes to kill what was taken from it; a worker that lives on is an ordinary one again."""

MOST = 10_000


class Doomed:
    """What was foretold of principals. Belongs to one process: another replica only waits the usual time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: dict[str, tuple[float, PrincipalEnd]] = {}
        self.connected: Callable[[str], bool] = lambda _principal: False
        """Whether a session of the principal has a connection here; the gateway sets it."""

    def foretell(self, end: PrincipalEnd) -> None:
        now = self._clock()
        self._ends = {name: entry for name, entry in self._ends.items() if entry[0] > now}
        if len(self._ends) < MOST:
            self._ends[end.principal] = (now + DOOMED_SECONDS, end)

    def of(self, principal: str) -> PrincipalEnd | None:
        until, end = self._ends.get(principal, (0.0, None))
        return end if until > self._clock() else None
