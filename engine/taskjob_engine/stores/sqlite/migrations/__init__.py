"""Versioned schema changes: `NNNN_name.sql`, applied in order, each in one transaction, never edited once released.

The applied text's checksum stands in the database, so that a file edited afterwards is found, and a database that a
newer release has migrated is refused instead of misread.
"""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import resources
from typing import NamedTuple

from taskjob.model import Micros
from taskjob_engine.errors import StoreRefusedError

APPLICATION_ID = 0x5441534A
"""PRAGMA application_id of our files: "TASJ"."""

_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
)"""


class Migration(NamedTuple):
    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.script.encode()).hexdigest()


def known() -> list[Migration]:
    files = [entry for entry in resources.files(__package__).iterdir() if entry.name.endswith(".sql")]
    return sorted(
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in files
    )


def migrate(connection: sqlite3.Connection, *, now: Micros) -> int:
    """Bring the schema up to the newest known version and tell it. Safe to call again and to be killed in.

    Raises `StoreRefusedError` NewerSchema, and Corrupt where an applied migration is not the one we know.
    """
    migrations = known()
    _check(connection, migrations)
    for migration in migrations[_version(connection) :]:
        _apply(connection, migration, now=now)
    return _version(connection)


def _check(connection: sqlite3.Connection, migrations: list[Migration]) -> None:
    version = _version(connection)
    if version > len(migrations):
        raise StoreRefusedError(
            f"the database has schema {version}, this release knows up to {len(migrations)}",
            reason="NewerSchema",
            hint="install the release that wrote it, or a later one",
        )
    if version == 0:
        return
    applied = dict(connection.execute("SELECT version, checksum FROM migration"))
    for migration in migrations[:version]:
        if applied.get(migration.version) != migration.checksum:  # no fence: a number of a schema change, not a token
            raise StoreRefusedError(
                f"schema change {migration.name} in the database is not the one of this release",
                reason="Corrupt",
                hint="the file was changed by something else; restore a backup or name another file",
            )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _apply(connection: sqlite3.Connection, migration: Migration, *, now: Micros) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_TABLE)
        for statement in _statements(migration.script):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO migration VALUES (?, ?, ?, ?)",
            (migration.version, migration.name, migration.checksum, now),
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {migration.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    # executescript would commit our transaction first, so the script is cut where SQLite says a statement ends.
    statements, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            statements.append(text)
            text = ""
    return statements
