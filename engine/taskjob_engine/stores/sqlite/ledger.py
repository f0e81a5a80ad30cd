"""The ledger (G7): every commit adds one row of deltas per touched queue; a fold sums old rows up.

`Gauges` are the same counts in memory, for the one writer: limits and empty streams are judged without a scan.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, deque

from taskjob.model import Micros
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle.state import State
from taskjob_engine.stores.sqlite.bulk import insert_rows

COUNTS = ("waiting", "ready", "leased", "completed", "dead_letter", "cancelled", "accepted", "purged")
ACCEPTED, PURGED = COUNTS.index("accepted"), COUNTS.index("purged")
POSITION = {state: COUNTS.index(state.value) for state in State}
LIVE = (POSITION[State.WAITING], POSITION[State.READY], POSITION[State.LEASED])

SUMS = ", ".join(f"SUM({name})" for name in COUNTS)
BOTH = f"(SELECT queue_id, {', '.join(COUNTS)} FROM ledger_total UNION ALL SELECT queue_id, {', '.join(COUNTS)} FROM ledger)"  # noqa: E501, S608 - our own names

_FOLD_AFTER = 1_000
_RATE_SPAN_SECONDS = 60

Stream = tuple[int, int]
"""(queue number, task number)."""


class Deltas:
    """What one transaction changes."""

    def __init__(self) -> None:
        self.queues: dict[int, list[int]] = {}
        self.streams: Counter[Stream] = Counter()

    def move(self, stream: Stream, before: State | None, after: State | None, count: int = 1) -> None:
        """`count` jobs of a stream went from one state to another; None: they were not there before, or are gone."""
        row = self.of(stream[0])
        if before is not None:
            row[POSITION[before]] -= count
        if after is not None:
            row[POSITION[after]] += count
        if before is State.READY:
            self.streams[stream] -= count
        if after is State.READY:
            self.streams[stream] += count

    def accept(self, stream: Stream, state: State, count: int) -> None:
        self.of(stream[0])[ACCEPTED] += count
        self.move(stream, None, state, count)

    def of(self, queue_id: int) -> list[int]:
        row = self.queues.get(queue_id)
        if row is None:
            row = self.queues[queue_id] = [0] * len(COUNTS)
        return row


class Gauges:
    """Committed counts per queue and ready jobs per stream, and the completions of the last minute.

    Readers in other threads may ask `rate`; a torn answer there is off by one commit.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.queues: dict[int, list[int]] = {
            row[0]: list(row[1:])
            for row in connection.execute(f"SELECT queue_id, {SUMS} FROM {BOTH} GROUP BY queue_id").fetchall()  # noqa: S608 - our own names
        }
        self.streams: Counter[Stream] = Counter(
            {
                (row[0], row[1]): row[2]
                for row in connection.execute(
                    "SELECT queue_id, task_id, COUNT(*) FROM job WHERE state = 'ready' GROUP BY queue_id, task_id"
                ).fetchall()
            }
        )
        self.next_pk = int(connection.execute("SELECT COALESCE(MAX(pk), 0) + 1 FROM job").fetchone()[0])
        """Not rolled back: a gap between job numbers is harmless."""
        self._completions: dict[int, deque[tuple[int, int]]] = {}
        self._unfolded = int(connection.execute("SELECT COUNT(*) FROM ledger").fetchone()[0])

    def commit(self, deltas: Deltas, *, now: Micros) -> None:
        for queue_id, delta in deltas.queues.items():
            gauge = self.queues.setdefault(queue_id, [0] * len(COUNTS))
            for at, change in enumerate(delta):
                gauge[at] += change
            self._note_completions(queue_id, delta[POSITION[State.COMPLETED]], now=now)
        for stream, change in deltas.streams.items():
            self.streams[stream] += change
            if not self.streams[stream]:
                del self.streams[stream]
        self._unfolded += len(deltas.queues)

    def rate(self, queue_id: int, *, now: Micros) -> float:
        """Completions per second over the last minute; 0.0 where unknown."""
        oldest = now // SECOND - _RATE_SPAN_SECONDS
        done = sum(count for second, count in tuple(self._completions.get(queue_id, ())) if second > oldest)
        return done / _RATE_SPAN_SECONDS

    def fold_due(self) -> bool:
        return self._unfolded > _FOLD_AFTER

    def folded(self) -> None:
        self._unfolded = 0

    def _note_completions(self, queue_id: int, count: int, *, now: Micros) -> None:
        if count <= 0:
            return
        seconds = self._completions.setdefault(queue_id, deque(maxlen=_RATE_SPAN_SECONDS + 1))
        second = now // SECOND
        if seconds and seconds[-1][0] == second:
            count += seconds.pop()[1]
        seconds.append((second, count))


def write(connection: sqlite3.Connection, deltas: Deltas, *, seq: int) -> None:
    rows = [(seq, queue_id, *delta) for queue_id, delta in deltas.queues.items() if any(delta)]
    insert_rows(connection, "ledger", ("seq", "queue_id", *COUNTS), rows)


def fold(connection: sqlite3.Connection) -> None:
    """Sum all delta rows up, inside the caller's transaction: readers see either form, never both."""
    additions = ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNTS)
    connection.execute(
        f"INSERT INTO ledger_total (queue_id, {', '.join(COUNTS)}) SELECT queue_id, {SUMS} FROM ledger WHERE true"  # noqa: S608 - our own names
        f" GROUP BY queue_id ON CONFLICT (queue_id) DO UPDATE SET {additions}"
    )
    connection.execute("DELETE FROM ledger")
