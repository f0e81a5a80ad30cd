"""Many rows in one statement.

A statement is stepped once for a whole chunk because each step takes the interpreter's lock anew, which is dear
beside a busy event loop. Chunk sizes are few, so that the prepared statements stay in the connection's cache.
Values that all rows share are bound once.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

_CHUNKS = (250, 50, 10, 1)
_FILLED = (1, 10, 50, 150, 300, 500)

Row = Sequence[Any]


def insert_rows(
    connection: sqlite3.Connection,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    shared: Row = (),
) -> None:
    """`columns` name the `shared` values first, then those of each row."""
    for chunk in _chunks(rows):
        connection.execute(_insert(table, columns, len(shared), len(chunk)), [*shared, *chain.from_iterable(chunk)])


def update_rows(connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Set `columns` where the primary key `pk` equals the first value of a row; the others follow in order."""
    for chunk in _chunks(rows):
        connection.execute(_update(table, columns, len(chunk)), list(chain.from_iterable(chunk)))


def with_rows(connection: sqlite3.Connection, sql: str, rows: Sequence[Row], shared: Row = ()) -> int:
    """Run a statement of our own, in which `{rows}` stands for a VALUES list and ?1… for the `shared` values.
    Returns how many rows it changed.

    The statement passes over rows whose first value is NULL (a join by it finds nothing): the list is filled up
    with such rows, so that one statement carries all: each further one would wait for the interpreter's
    lock, up to 5 ms beside a busy event loop.
    """
    changed = 0
    for at in range(0, len(rows), _FILLED[-1]):
        chunk = rows[at : at + _FILLED[-1]]
        width = len(chunk[0])
        size = next(size for size in _FILLED if size >= len(chunk))
        values = [*shared, *chain.from_iterable(chunk), *[None] * (width * (size - len(chunk)))]
        changed += connection.execute(_filled(sql, width, len(shared), size), values).rowcount
    return changed


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    for size in _CHUNKS:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _values(width: int, count: int, shared: str = "") -> str:
    row = "(" + shared + ",".join("?" * width) + ")"
    return "VALUES " + ",".join([row] * count)


@functools.cache
def _insert(table: str, columns: tuple[str, ...], shared: int, count: int) -> str:
    # After ?1…?n, a bare ? takes the next number: the first row names the shared values and opens the count.
    numbered = "".join(f"?{at}," for at in range(1, shared + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) {_values(len(columns) - shared, count, numbered)}"


@functools.cache
def _update(table: str, columns: tuple[str, ...], count: int) -> str:
    assignments = ", ".join(f"{name} = v.column{at}" for at, name in enumerate(columns, start=2))
    values = _values(len(columns) + 1, count)
    return f"UPDATE {table} SET {assignments} FROM ({values}) AS v WHERE {table}.pk = v.column1"  # noqa: S608 - our own names


@functools.cache
def _filled(sql: str, width: int, shared: int, count: int) -> str:
    numbers = iter(range(shared + 1, shared + 1 + width * count))
    rows = ",".join("(" + ",".join(f"?{next(numbers)}" for _ in range(width)) + ")" for _ in range(count))
    return sql.replace("{rows}", f"VALUES {rows}")
