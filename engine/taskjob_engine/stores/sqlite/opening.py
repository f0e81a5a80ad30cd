"""From a path to a database that may be trusted: every check, in the order that leaves the least behind."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from typing import NamedTuple

from taskjob.model import Micros
from taskjob_engine.stores.sqlite import connection as connections
from taskjob_engine.stores.sqlite.filesystem import make_private
from taskjob_engine.stores.sqlite.migrations import migrate
from taskjob_engine.stores.sqlite.ownership import Ownership

PRIVATE_FOLDER = 0o700
CHECKED_BYTES = 256 * 1024 * 1024
"""Files up to this are read through at opening (about a second); a larger one is found damaged when it is read."""


class Opened(NamedTuple):
    connection: sqlite3.Connection
    ownership: Ownership
    schema_version: int
    settings: dict[str, str]
    clock: Micros
    """The newest time that the store ever told."""
    witness_key: bytes


def open_database(path: Path, *, durability: str, incarnation: str, now: Micros) -> Opened:
    """Raises `StoreRefusedError`; then nothing is left open and the path is as it was, but for its lock file."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    connections.check_place(path)
    ownership = Ownership(path)
    try:
        connections.check_file(path, existed=ownership.had_store())
        opened = _open(path, ownership, durability=durability, incarnation=incarnation, now=now)
        ownership.mark_store()
    except BaseException:
        ownership.release()
        raise
    return opened


def _open(path: Path, ownership: Ownership, *, durability: str, incarnation: str, now: Micros) -> Opened:
    try:
        make_private(path)
    except OSError as error:
        raise connections.not_writable(path, str(error)) from error
    connection = connections.open_writer(path, durability=durability)
    try:
        if path.stat().st_size <= CHECKED_BYTES:
            connections.check_integrity(connection, path)
        version = migrate(connection, now=now)
        connection.execute(
            "INSERT OR IGNORE INTO store (id, incarnation, seq, clock) VALUES (1, ?, 0, 0)", (incarnation,)
        )
        connection.execute("UPDATE store SET witness_key = ? WHERE witness_key IS NULL", (secrets.token_bytes(32),))
        clock, key = connection.execute("SELECT clock, witness_key FROM store").fetchone()
        return Opened(connection, ownership, version, connections.settings_of(connection), clock, key)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise connections.refusal(path, error) from error
    except BaseException:
        connection.close()
        raise
