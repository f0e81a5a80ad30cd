"""Rows of `session` to and from `SessionState`, the record that the rules are written for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from taskjob.model import ErrorInfo, Micros
from taskjob.model.times import SECOND
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.stores.sqlite.rows import json_text

CLOSED_KEPT = 60 * SECOND
"""A closed session is still shown for so long, and then forgotten once nothing of it stands."""

_COLUMNS = SessionState.__struct_fields__
_JSON = {
    "queues": "json(session.queues)",
    "tasks": "json(session.tasks)",
    "draining": "json(iif(session.draining, 'true', 'false'))",
    "closed": "json(iif(session.closed, 'true', 'false'))",
    "ended_by": "json(session.ended_by)",
}
SESSION_JSON = "json_object(" + ", ".join(f"'{name}', {_JSON.get(name, f'session.{name}')}" for name in _COLUMNS) + ")"

_READ = (
    f"SELECT json_group_array({SESSION_JSON}) FROM json_each(?) AS wanted"  # noqa: S608 - our own names
    " CROSS JOIN session ON session.id = wanted.value"
)

_rows = msgspec.json.Decoder(list[SessionState])


def read(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, SessionState]:
    text = connection.execute(_READ, (json_text(list(ids)),)).fetchone()[0]
    return {session.id: session for session in _rows.decode(text)}


def select(connection: sqlite3.Connection, condition: str, values: tuple[Any, ...]) -> list[SessionState]:
    """Sessions under a condition of our own, by id."""
    found = f"(SELECT * FROM session WHERE {condition} ORDER BY id) AS session"  # noqa: S608 - our own names
    sql = f"SELECT json_group_array({SESSION_JSON}) FROM {found}"  # noqa: S608 - our own names
    text = connection.execute(sql, values).fetchone()[0]
    return _rows.decode(text)


def causes(connection: sqlite3.Connection) -> dict[str, ErrorInfo]:
    """Of closed sessions by id: what is known of the death of those of which more is known than silence."""
    told = select(connection, "closed AND ended_by IS NOT NULL", ())
    return {session.id: session.ended_by for session in told if session.ended_by is not None}


def write(connection: sqlite3.Connection, session: SessionState) -> None:
    values = {name: getattr(session, name) for name in _COLUMNS}
    values |= {"queues": json_text(session.queues), "tasks": json_text(session.tasks)}
    values["ended_by"] = None if session.ended_by is None else json_text(session.ended_by)
    marks = ", ".join("?" * len(_COLUMNS))
    connection.execute(
        f"INSERT OR REPLACE INTO session ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608 - our own names
        tuple(values.values()),
    )


def set_last_seq(connection: sqlite3.Connection, session: str, seq: int) -> None:
    connection.execute("UPDATE session SET last_seq = ? WHERE id = ?", (seq, session))


def is_shown(session: SessionState, *, now: Micros) -> bool:
    if session.closed:
        return (session.closed_at or 0) + CLOSED_KEPT > now
    return session.expires_at > now
