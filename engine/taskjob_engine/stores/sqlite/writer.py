"""The one writer: a thread that takes all waiting calls, applies them in order and makes them durable with one commit.

While one flush is in flight the next collects, so no timer is needed: alone a call waits for one commit, under load
hundreds share it, and neighbours of one verb share its statements too. What the loop asks for in one turn is handed
over as one, so that a lease rides with the submit or settle that it follows also where the writer had nothing to do.
A call that fails is rolled back with its flush and then everyone is tried alone, so that nobody pays for a stranger's
bad row. A waiter that is cancelled leaves; its call is carried out all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from taskjob.errors import OutcomeUnknownError, TaskJobError, UnavailableError
from taskjob_engine.store import WakeUp
from taskjob_engine.stores.sqlite.failures import is_environmental, unavailable
from taskjob_engine.stores.sqlite.transaction import Transaction

MOST_ITEMS = 500
MOST_BYTES = 4 * 1024 * 1024

T = TypeVar("T")


class Books(Protocol):
    """What the writer asks of the store around a commit; called on the writer thread only."""

    def begin(self) -> Transaction: ...
    def committed(self, tx: Transaction) -> None: ...
    def rolled_back(self) -> None: ...
    def durable_seq(self) -> int:
        """The seq that a connection of its own reads now. Raises `sqlite3.Error` where it cannot tell."""
        ...


Verb = Callable[[Transaction, Sequence[Any]], list[Any]]
"""Items in, a verdict per item out, as if each had been sent alone after the one before it."""


class _Call(Generic[T]):
    """`verb` and its items stand instead of `apply` where neighbours of the same verb may be carried out as one."""

    __slots__ = ("apply", "batch", "future", "items", "size", "verb")

    def __init__(
        self,
        future: asyncio.Future[T],
        apply: Callable[[Transaction], T],
        *,
        items: int,
        size: int = 0,
        verb: Verb | None = None,
        batch: Sequence[Any] = (),
    ) -> None:
        self.future = future
        self.apply = apply
        self.items = items
        self.size = size
        self.verb = verb
        self.batch = batch


class _Failed:
    """Stands in the place of a result."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _CommitBrokenError(Exception):
    """COMMIT itself failed: whether it took effect must be read."""


class Writer:
    def __init__(self, connection: sqlite3.Connection, books: Books, tell: Callable[[Sequence[WakeUp]], None]) -> None:
        self._connection = connection
        self._books = books
        self._tell = tell
        self._turn: list[_Call[Any]] = []
        self._turns: queue.SimpleQueue[list[_Call[Any]] | None] = queue.SimpleQueue()
        self._taken: deque[_Call[Any]] = deque()
        self._stopping = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="taskjob-sqlite-writer", daemon=True)
        self._thread.start()

    async def call(self, apply: Callable[[Transaction], T]) -> T:
        """Apply within the next flush and wait until it is durable. Raises what `apply` raised, or
        `UnavailableError` (not applied), or `OutcomeUnknownError`."""
        future: asyncio.Future[T] = self._loop.create_future()
        return await self._put(_Call(future, apply, items=1))

    async def batch(self, verb: Verb, batch: Sequence[Any], *, items: int | None = None, size: int = 0) -> list[Any]:
        """As `call`, for a verb over items: neighbours in a flush with the same verb share its statements.
        `items` and `size` count towards the caps of a flush."""
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        count = len(batch) if items is None else items
        call = _Call(future, lambda tx: verb(tx, batch), items=count, size=size, verb=verb, batch=batch)
        return await self._put(call)

    async def _put(self, call: _Call[T]) -> T:
        if self._stopping:
            raise UnavailableError("the store is closed")
        if not self._turn:
            self._loop.call_soon(self._hand_over)
        self._turn.append(call)
        return await call.future

    def _hand_over(self) -> None:
        if self._turn:
            self._turns.put(self._turn)
            self._turn = []

    async def stop(self) -> None:
        """Carry out what was accepted, then end the thread."""
        self._stopping = True
        self._hand_over()
        self._turns.put(None)
        await asyncio.to_thread(self._thread.join)

    # ---- on the writer thread

    def _run(self) -> None:
        while batch := self._collect():
            outcomes, hints = self._flush(batch)
            try:
                self._loop.call_soon_threadsafe(self._resolve, batch, outcomes, hints)
            except RuntimeError:
                # The loop was closed under us, and with it everyone who waited.
                return

    def _collect(self) -> list[_Call[Any]]:
        """All calls that wait, up to the caps; empty at the end."""
        batch: list[_Call[Any]] = []
        items = size = 0
        while self._taken or self._take(wait=not batch):
            call = self._taken[0]
            items += call.items
            size += call.size
            if batch and (items > MOST_ITEMS or size > MOST_BYTES):
                return batch
            batch.append(self._taken.popleft())
        return batch

    def _take(self, *, wait: bool) -> bool:
        """Whether there is another turn's worth of calls; False at the end too."""
        try:
            turn = self._turns.get(block=wait)
        except queue.Empty:
            return False
        if turn is None:
            self._turns.put(None)
            return False
        self._taken.extend(turn)
        return True

    def _flush(self, batch: list[_Call[Any]]) -> tuple[list[Any], list[WakeUp]]:
        try:
            return self._commit(batch)
        except _CommitBrokenError as broken:
            return [_Failed(_answer_of(broken))] * len(batch), []
        except Exception as error:  # noqa: BLE001 - whatever a verb raises belongs to its caller
            self._roll_back()
            if is_environmental(error):
                return [_Failed(unavailable(error))] * len(batch), []
            if len(batch) == 1:
                return [_Failed(error)], []
        outcomes: list[Any] = []
        hints: list[WakeUp] = []
        for call in batch:
            alone, told = self._flush([call])
            outcomes += alone
            hints += told
        return outcomes, hints

    def _commit(self, batch: list[_Call[Any]]) -> tuple[list[Any], list[WakeUp]]:
        changes = self._connection.total_changes
        self._connection.execute("BEGIN IMMEDIATE")
        tx = self._books.begin()
        outcomes = _apply_all(batch, tx)
        tx.finish()
        if self._connection.total_changes == changes:
            self._connection.execute("COMMIT")
            return outcomes, tx.hints
        tx.stamp()
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._resolve_commit(tx.seq, error)
        self._books.committed(tx)
        return outcomes, tx.hints

    def _resolve_commit(self, seq: int, error: sqlite3.Error) -> None:
        """Return where the commit took effect after all, else raise what its callers are told."""
        self._roll_back()
        try:
            durable = self._books.durable_seq()
        except sqlite3.Error as unreadable:
            raise _CommitBrokenError from OutcomeUnknownError(f"the store failed while it committed: {unreadable}")
        if durable < seq:
            raise _CommitBrokenError from unavailable(error)

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            # A failed disk may refuse even this; the next BEGIN tells.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._books.rolled_back()

    # ---- on the event loop

    def _resolve(self, batch: list[_Call[Any]], outcomes: list[Any], hints: list[WakeUp]) -> None:
        # Riders first: a grant goes out to its worker before its submit is answered.
        for call, outcome in sorted(zip(batch, outcomes, strict=True), key=_is_no_rider):
            if call.future.done():
                continue
            if isinstance(outcome, _Failed):
                call.future.set_exception(outcome.error)
            else:
                call.future.set_result(outcome)
        if hints:
            self._tell(hints)


def _is_no_rider(answered: tuple[_Call[Any], Any]) -> bool:
    return answered[0].items > 0


def _apply_all(batch: list[_Call[Any]], tx: Transaction) -> list[Any]:
    outcomes: list[Any] = []
    for verb, neighbours in itertools.groupby(batch, key=lambda call: call.verb):
        calls = list(neighbours)
        if verb is None or len(calls) == 1:
            outcomes += [_apply(call, tx) for call in calls]
        else:
            outcomes += _apply_as_one(verb, calls, tx)
    return outcomes


def _apply_as_one(verb: Verb, calls: list[_Call[Any]], tx: Transaction) -> list[Any]:
    verdicts = iter(verb(tx, [item for call in calls for item in call.batch]))
    tx.flush_rows()
    return [list(itertools.islice(verdicts, len(call.batch))) for call in calls]


def _apply(call: _Call[Any], tx: Transaction) -> Any:
    try:
        outcome = call.apply(tx)
    except TaskJobError as refused:
        # Verbs refuse before they change anything, so the flush goes on without this one.
        return _Failed(refused)
    tx.flush_rows()
    return outcome


def _answer_of(broken: _CommitBrokenError) -> BaseException:
    cause = broken.__cause__
    assert cause is not None
    return cause
