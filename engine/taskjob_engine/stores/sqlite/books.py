"""What the writer keeps in memory between commits: standing, catalog, gauges, leases; and the size of the WAL.

All of it follows the database: it is read at opening, moves on after a commit and is read again after a rollback.
"""

from __future__ import annotations

import contextlib
import random as randomness
import sqlite3
from collections.abc import Callable
from pathlib import Path

from taskjob.errors import UnavailableError
from taskjob.model import Micros
from taskjob_engine.store import Standing
from taskjob_engine.stores.sqlite.catalog import Catalog
from taskjob_engine.stores.sqlite.connection import WAL_BYTES, open_reader
from taskjob_engine.stores.sqlite.leases import Leases
from taskjob_engine.stores.sqlite.ledger import Gauges
from taskjob_engine.stores.sqlite.transaction import Transaction

_WAL_LOOK_EVERY = 64


class SQLiteBooks:
    """`standing` may be read from any thread, the rest on the writer's only."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        now: Callable[[], Micros],
        random: randomness.Random,
        watched: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._path = path
        self._inode = path.stat().st_ino
        self._wal = path.with_name(path.name + "-wal")
        self._now = now
        self._random = random
        self._watched = watched
        self._commits = 0
        self.catalog = Catalog(connection)
        self.gauges = Gauges(connection)
        self.leases = Leases()
        incarnation, seq = connection.execute("SELECT incarnation, seq FROM store").fetchone()
        self.standing = Standing(incarnation=incarnation, seq=seq)

    def begin(self) -> Transaction:
        """`UnavailableError` where the file is not at its path any more: what is written now nobody would find."""
        if not self._is_in_place():
            raise UnavailableError(
                "the database file is gone", hint=f"put {self._path} back and restart; nothing is accepted meanwhile"
            )
        return Transaction(
            self._connection,
            catalog=self.catalog,
            gauges=self.gauges,
            leases=self.leases,
            incarnation=self.standing.incarnation,
            seq=self.standing.seq + 1,
            now=self._now(),
            random=self._random.random,
            watched=self._watched(),
        )

    def committed(self, tx: Transaction) -> None:
        self.gauges.commit(tx.deltas, now=tx.now)
        if tx.folded:
            self.gauges.folded()
        self.standing = Standing(incarnation=tx.incarnation, seq=tx.seq)
        self._commits += 1
        if self._commits % _WAL_LOOK_EVERY == 0:
            self._bound_wal()

    def rolled_back(self) -> None:
        self.leases.forget_all()
        try:
            self.catalog.reload()
        except sqlite3.Error:
            # The disk fails even to read: the next transaction meets the same and tells its callers.
            return

    def durable_seq(self) -> int:
        connection = open_reader(self._path)
        try:
            return int(connection.execute("SELECT seq FROM store").fetchone()[0])
        finally:
            connection.close()

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _bound_wal(self) -> None:
        # The automatic checkpoint never waits for readers, so a stream of overlapping ones could let the WAL grow for
        # ever. Past its bound we wait for them, at most the busy time-out, and begin the file anew.
        # It is housekeeping after a commit that stands: no failure of it may be told as the commit's.
        with contextlib.suppress(sqlite3.Error, OSError):
            if self._wal.stat().st_size > WAL_BYTES:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
