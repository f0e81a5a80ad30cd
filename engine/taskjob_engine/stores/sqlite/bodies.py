"""Payloads, checkpoints and results that stand in tables of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Literal

from taskjob_engine.stores.sqlite.rows import decode, json_text

INLINE_PAYLOAD_BYTES = 512
"""Larger payloads stand in a table of their own, so that a change of state does not rewrite them."""

Table = Literal["payload", "checkpoint", "result"]
TABLES: tuple[Table, ...] = ("payload", "checkpoint", "result")


def read(connection: sqlite3.Connection, table: Table, pks: Sequence[int]) -> dict[int, bytes]:
    if not pks:
        return {}
    return dict(
        connection.execute(
            f"SELECT job_pk, body FROM {table} WHERE job_pk IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own names
            (json_text(pks),),
        ).fetchall()
    )


def sizes(connection: sqlite3.Connection, table: Table, pks: Sequence[int]) -> dict[int, int]:
    """Bytes, without reading the bodies."""
    if not pks:
        return {}
    text = connection.execute(
        f"SELECT json_group_array(json_array(job_pk, length(body))) FROM {table}"  # noqa: S608 - our own names
        " WHERE job_pk IN (SELECT value FROM json_each(?))",
        (json_text(pks),),
    ).fetchone()[0]
    return dict(decode(text))


def delete(connection: sqlite3.Connection, pks: Sequence[int], tables: Sequence[Table] = TABLES) -> None:
    for table in tables:
        connection.execute(
            f"DELETE FROM {table} WHERE job_pk IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own names
            (json_text(pks),),
        )
