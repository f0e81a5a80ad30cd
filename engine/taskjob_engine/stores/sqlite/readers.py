"""The read pool: connections of its own, which see the last commit and never wait for the writer, each query bounded
in time so that a slow one holds up nobody but its caller."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from taskjob.errors import UnavailableError
from taskjob_engine.stores.sqlite.connection import open_reader
from taskjob_engine.stores.sqlite.failures import unavailable

READERS = 4
QUERY_SECONDS = 10.0
_OPCODES = 20_000
"""How often a running query looks at the clock: about every millisecond."""

T = TypeVar("T")


class Readers:
    def __init__(self, path: Path) -> None:
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._connections = [open_reader(path) for _ in range(READERS)]
        for connection in self._connections:
            self._idle.put(connection)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="taskjob-sqlite-reader")
        self._closed = False

    async def call(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Run `read` in one snapshot. `UnavailableError` where it takes over `QUERY_SECONDS` or SQLite fails."""
        if self._closed:
            raise UnavailableError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    async def close(self) -> None:
        self._closed = True
        for connection in self._connections:
            connection.interrupt()
        await asyncio.to_thread(self._threads.shutdown)
        for connection in self._connections:
            connection.close()

    def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.get()
        try:
            return _in_snapshot(connection, read)
        except sqlite3.Error as error:
            raise unavailable(error) from error
        finally:
            self._idle.put(connection)


def _in_snapshot(connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], T]) -> T:
    ends_at = time.monotonic() + QUERY_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > ends_at, _OPCODES)
    connection.execute("BEGIN")
    try:
        return read(connection)
    finally:
        connection.set_progress_handler(None, 0)
        connection.execute("ROLLBACK")
