"""Many rows in one statement.

A statement is stepped once for a whole list because each step, and each further statement, takes the interpreter's
lock anew, which takes up to 5 ms beside a busy event loop. Lists are filled up with empty rows to one of few lengths,
so that the prepared statements stay in the connection's cache. Values that all rows share are bound once.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

_FILLED = (1, 4, 16, 64, 150, 300, 500)
_WHOLE = 250
"""Lists of this length need no empty rows: a plain INSERT … VALUES is cheaper."""

Row = Sequence[Any]


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    shared: Row = (),
) -> None:
    """`columns` name the `shared` values first, then those of each row, the first of which is never NULL."""
    whole = len(rows) // _WHOLE * _WHOLE
    for at in range(0, whole, _WHOLE):
        values = [*shared, *chain.from_iterable(rows[at : at + _WHOLE])]
        connection.execute(_insert_whole(table, columns, len(shared)), values)
    if len(rows) > whole:
        with_rows(connection, _insert(table, columns, len(shared)), rows[whole:], shared)


def update_rows(connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Set `columns` where the primary key `pk` equals the first value of a row; the others follow in order."""
    if rows:
        with_rows(connection, _update(table, columns), rows)


def with_rows(connection: sqlite3.Connection, sql: str, rows: Sequence[Row], shared: Row = ()) -> int:
    """Run a statement of our own, in which `{rows}` stands for a VALUES list and ?1… for the `shared` values.
    Returns how many rows it changed.

    The statement passes over rows whose first value is NULL (a join by it finds nothing): the list is filled up
    with such rows.
    """
    changed = 0
    for at in range(0, len(rows), _FILLED[-1]):
        chunk = rows[at : at + _FILLED[-1]]
        width = len(chunk[0])
        size = next(size for size in _FILLED if size >= len(chunk))
        values = [*shared, *chain.from_iterable(chunk), *[None] * (width * (size - len(chunk)))]
        changed += connection.execute(_filled(sql, width, len(shared), size), values).rowcount
    return changed


@functools.cache
def _insert(table: str, columns: tuple[str, ...], shared: int) -> str:
    given = [f"?{at}" for at in range(1, shared + 1)]
    own = [f"v.column{at}" for at in range(1, len(columns) - shared + 1)]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(given + own)}"  # noqa: S608 - our own names
        " FROM ({rows}) AS v WHERE v.column1 IS NOT NULL"
    )


@functools.cache
def _insert_whole(table: str, columns: tuple[str, ...], shared: int) -> str:
    # After ?1…?n, a bare ? takes the next number: the first row names the shared values and opens the count.
    given = "".join(f"?{at}," for at in range(1, shared + 1))
    row = "(" + given + ",".join("?" * (len(columns) - shared)) + ")"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {','.join([row] * _WHOLE)}"  # noqa: S608 - our own names


@functools.cache
def _update(table: str, columns: tuple[str, ...]) -> str:
    assignments = ", ".join(f"{name} = v.column{at}" for at, name in enumerate(columns, start=2))
    return f"UPDATE {table} SET {assignments} FROM ({{rows}}) AS v WHERE {table}.pk = v.column1"  # noqa: S608 - our own names


@functools.cache
def _filled(sql: str, width: int, shared: int, count: int) -> str:
    numbers = iter(range(shared + 1, shared + 1 + width * count))
    rows = ",".join("(" + ",".join(f"?{next(numbers)}" for _ in range(width)) + ")" for _ in range(count))
    return sql.replace("{rows}", f"VALUES {rows}")
