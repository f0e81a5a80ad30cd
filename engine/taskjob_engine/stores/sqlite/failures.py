"""What an error of SQLite means to a caller: nothing applied, or not known."""

from __future__ import annotations

import sqlite3

from taskjob.errors import TaskJobError, UnavailableError

_WORDS = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space; the store goes on by itself"),
    sqlite3.SQLITE_BUSY: ("the database is locked by another program", "close it; the store goes on by itself"),
    sqlite3.SQLITE_LOCKED: ("the database is locked by another program", "close it; the store goes on by itself"),
    sqlite3.SQLITE_INTERRUPT: ("the query took too long", "ask for less: a narrower filter or a smaller page"),
    sqlite3.SQLITE_READONLY: ("the database became read-only", "check the disk and the file's permissions"),
    sqlite3.SQLITE_IOERR: ("the disk failed", "check the disk"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", "stop, and restore a backup"),
    sqlite3.SQLITE_NOTADB: ("the database is damaged", "stop, and restore a backup"),
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened", "check that the file and its folder still exist"),
}


def primary_code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_environmental(error: BaseException) -> bool:
    """The fault lies with disk, file or lock: every write of the moment meets it, no single one is bad."""
    return primary_code(error) in _WORDS


def unavailable(error: BaseException) -> TaskJobError:
    """The error for callers whose write or read was not applied."""
    words, hint = _WORDS.get(primary_code(error), (f"the store failed: {error}", None))
    return UnavailableError(words, hint=hint, retry_after_seconds=1.0)
