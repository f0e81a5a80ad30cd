"""The sessions that wait for work, in line for each queue they serve. Pure bookkeeping of the dispatcher: no calls
to the store, no timers of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from taskjob_engine.store import Granted, SessionRef

Stream = tuple[str, str, str]
"""(namespace, queue, task): what a wake-up speaks of."""


class Sink(Protocol):
    """Where a parked session takes its grants. Called on the event loop; must neither block nor raise."""

    def granted(self, grants: tuple[Granted, ...]) -> bool:
        """Take the jobs. False: they cannot be delivered any more.
        Empty only as the answer to a repeated seq of which nothing is left."""
        ...

    def nothing(self) -> None:
        """The store was asked and had nothing. The session stays parked (unless it was unparked meanwhile)."""
        ...

    def refused(self, reason: str) -> None:
        """The session may not lease (`Leased.refused`), or, `OutcomeUnknown`, may hold leases it was not told of.
        It is no longer parked."""
        ...


class Parked:
    """One session that waits for up to `want` jobs.

    `woken` counts hints, `share` how many jobs they spoke of, `streams` which work; a lease call takes all three
    along, and what comes while it is in flight (`busy`) is seen afterwards. `calls` counts those in flight, `asked`
    the jobs they ask for. `room` says how many more leases the session may hold; `full`: it had none when it was
    last to be asked for.
    """

    __slots__ = (
        "asked",
        "calls",
        "full",
        "namespace",
        "queues",
        "ref",
        "room",
        "seq",
        "share",
        "sink",
        "streams",
        "tasks",
        "timer",
        "want",
        "woken",
    )

    def __init__(
        self,
        ref: SessionRef,
        *,
        namespace: str,
        queues: Sequence[str],
        tasks: Iterable[str],
        sink: Sink,
        seq: int | None,
        room: Callable[[], int],
    ) -> None:
        self.ref = ref
        self.namespace = namespace
        self.queues = tuple(queues)
        self.tasks = frozenset(tasks)
        self.sink = sink
        self.room = room
        self.seq = seq
        self.want = 0
        self.share = 0
        self.woken = 0
        self.asked = 0
        self.calls = 0
        self.full = False
        self.streams: set[Stream] = set()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        return self.calls > 0

    @property
    def unasked(self) -> int:
        """What it wants beyond the calls in flight."""
        return self.want - self.asked

    @property
    def open_room(self) -> int:
        """How many more leases it may hold when the calls in flight have brought all they ask for."""
        return self.room() - self.asked

    def begin_call(self, n: int) -> None:
        """A lease call for up to `n` jobs begins."""
        self.calls += 1
        self.asked += n

    def end_call(self, n: int) -> None:
        """It is over, however it ended."""
        self.calls -= 1
        self.asked -= n

    def cancel_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class WaitingSessions:
    """Parked sessions by id, and those that want something in line for each (namespace, queue)."""

    def __init__(self) -> None:
        self._sessions: dict[str, Parked] = {}
        self._lines: dict[tuple[str, str], dict[str, Parked]] = {}

    def __bool__(self) -> bool:
        """Whether anyone wants anything."""
        return bool(self._lines)

    def __iter__(self) -> Iterator[Parked]:
        return iter(list(self._sessions.values()))

    def get(self, session: str) -> Parked | None:
        return self._sessions.get(session)

    def holds(self, parked: Parked) -> bool:
        """Whether it is still this session's way of waiting (not gone, not replaced)."""
        return self._sessions.get(parked.ref.session) is parked

    def add(self, parked: Parked) -> None:
        self._sessions[parked.ref.session] = parked

    def remove(self, parked: Parked) -> None:
        self.want(parked, 0)
        parked.cancel_timer()
        if self.holds(parked):
            del self._sessions[parked.ref.session]

    def want(self, parked: Parked, want: int) -> None:
        """Set what it wants; it goes to the end of each line, or leaves them with 0."""
        parked.want = want
        session = parked.ref.session
        for queue in parked.queues:
            key = (parked.namespace, queue)
            line = self._lines.get(key)
            if line is not None and line.get(session) is parked:
                del line[session]
            if want > 0:
                self._lines.setdefault(key, {})[session] = parked
            elif line is not None and not line:
                del self._lines[key]

    def takers(self, stream: Stream) -> list[Parked]:
        """Who can take work of this stream, longest waiting first, those with a call in flight last."""
        namespace, queue, task = stream
        line = self._lines.get((namespace, queue))
        if line is None:
            return []
        takers = [parked for parked in line.values() if task in parked.tasks]
        takers.sort(key=_is_busy)
        return takers

    def one_of_each_kind(self) -> list[Parked]:
        """Of all idle sessions with the same queues and tasks the longest waiting one: it asks for the others."""
        kinds: dict[tuple[str, tuple[str, ...], frozenset[str]], Parked] = {}
        for line in self._lines.values():
            for parked in line.values():
                if not parked.busy and parked.timer is None:
                    kinds.setdefault((parked.namespace, parked.queues, parked.tasks), parked)
        return list(kinds.values())


def _is_busy(parked: Parked) -> bool:
    return parked.busy
