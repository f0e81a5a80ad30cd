"""Opening the database file: what is checked before it is trusted, and how each kind of connection is set.

Every problem becomes a `StoreRefusedError` with a reason and a way out. Nothing here makes a new database where a
file was before: the lock file beside it remembers that one existed.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from taskjob_engine.errors import StoreRefusedError
from taskjob_engine.stores.sqlite import filesystem
from taskjob_engine.stores.sqlite.migrations import APPLICATION_ID

OLDEST_SQLITE = (3, 38, 0)
"""The first with JSON built in and UPDATE … FROM behind it."""

BUSY_SECONDS = 5.0
PAGE_BYTES = 8192
WAL_PAGES = 2_000
"""The WAL is checkpointed at about 16 MiB and cut back to `WAL_BYTES` when it is reused from its start."""
WAL_BYTES = 64 * 1024 * 1024
_CACHE_KIB = 65_536
_READER_CACHE_KIB = 8_192

SETTINGS = ("journal_mode", "synchronous", "wal_autocheckpoint", "page_size", "journal_size_limit", "busy_timeout")
SYNCHRONOUS = {"durable": 2, "relaxed": 1}
"""FULL flushes the WAL at every commit; NORMAL only at checkpoints, so that a power cut may lose the last commits."""


def check_place(path: Path) -> None:
    """Refuse what cannot hold a store before anything is created."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreRefusedError(
            f"SQLite {sqlite3.sqlite_version} is too old",
            reason="OldSQLite",
            hint=f"use a Python built with SQLite {'.'.join(map(str, OLDEST_SQLITE))} or later",
        )
    kind = filesystem.filesystem_type(path.parent)
    if filesystem.is_network(kind):
        raise StoreRefusedError(
            f"{path} is on a network file system ({kind}), where SQLite's locks and WAL are not safe",
            reason="NetworkFileSystem",
            hint="put the file on a local disk, or use the PostgreSQL or Redis store",
        )
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreRefusedError(
            f"{path} cannot be written", reason="ReadOnly", hint="give this user read and write access to the file"
        )


def check_file(path: Path, *, existed: bool) -> None:
    """Refuse a file that is no SQLite database, and an absence where a database was."""
    if not path.exists() or path.stat().st_size == 0:
        if existed:
            raise StoreRefusedError(
                f"{path} is gone, but a store was there before",
                reason="Missing",
                hint=f"restore it from a backup, or delete {path}.lock to begin with an empty store",
            )
        return
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\x00":
        raise StoreRefusedError(
            f"{path} is not a SQLite database", reason="NotADatabase", hint="name another file, or move this one away"
        )


def open_writer(path: Path, *, durability: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        _set_writer(connection, durability=durability)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise refusal(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = 1")
    connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def settings_of(connection: sqlite3.Connection) -> dict[str, str]:
    """As the connection tells them, not as they were asked for."""
    return {name: str(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in SETTINGS}


def refusal(path: Path, error: sqlite3.Error) -> StoreRefusedError:
    """The refusal that an error of SQLite at opening means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return not_writable(path, str(error))
    if code == sqlite3.SQLITE_NOTADB:
        return StoreRefusedError(
            f"{path} is not a SQLite database", reason="NotADatabase", hint="name another file, or move this one away"
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreRefusedError(
            f"{path} is locked by another program",
            reason="AlreadyOpen",
            hint="close the other program (a database browser, a backup tool) and start again",
        )
    return StoreRefusedError(
        f"{path} is damaged: {error}",
        reason="Corrupt",
        hint="restore a backup; what is readable can be saved with `sqlite3 FILE .recover`",
    )


def not_writable(path: Path, why: str) -> StoreRefusedError:
    return StoreRefusedError(
        f"{path} cannot be written: {why}",
        reason="ReadOnly",
        hint="give this user write access to the file and its folder, and check that the disk is not read-only",
    )


def check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    """Every page that the tables reach is read and makes sense. Its time grows with the file."""
    try:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise refusal(path, error) from error
    if answer != "ok":
        raise refusal(path, sqlite3.DatabaseError(answer))


def _set_writer(connection: sqlite3.Connection, *, durability: str) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and tables:
        raise StoreRefusedError(
            "the file is a SQLite database of another program",
            reason="NotADatabase",
            hint="name another file, or move this one away",
        )
    wanted = SYNCHRONOUS[durability]
    for pragma in (
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        f"synchronous = {wanted}",
        f"wal_autocheckpoint = {WAL_PAGES}",
        f"journal_size_limit = {WAL_BYTES}",
        f"cache_size = -{_CACHE_KIB}",
        "temp_store = MEMORY",
        # macOS alone: fsync there does not reach the disk without it.
        "fullfsync = ON",
        "checkpoint_fullfsync = ON",
        # Distributions compile it in; overwriting freed pages with zeros doubles what a prune writes.
        "secure_delete = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    told = settings_of(connection)
    if told["journal_mode"] != "wal" or int(told["synchronous"]) < wanted:
        raise StoreRefusedError(
            f"the file refuses the settings that make a commit durable (it says {told})",
            reason="WeakDurability",
            hint="put the file on a local disk that supports WAL",
        )
