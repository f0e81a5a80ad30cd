"""The dictionary of small numbers for queues and tasks, and the queues' records, as the one writer sees them.

It is a cache of the tables `queue` and `task`; after a rollback it is read again. Only the writer thread uses it.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec

from taskjob.model import JobDefaults, Micros, Queue, QueueLimits, QueueTrouble
from taskjob_engine.policies.queue_change import DEFAULT_QUEUE, new_queue

_COLUMNS = (
    "id, namespace, name, declared, limits, job_defaults, paused, paused_by, paused_reason,"
    " paused_until, revision, created_at, rate_cell, managed_by, deleted, trouble"
)


class Entry(NamedTuple):
    """A queue by its number. `declared` is False for one that jobs name and nobody made."""

    id: int
    declared: bool
    queue: Queue
    rate_cell: int = 0


class Catalog:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reload()

    def reload(self) -> None:
        """Forget what was not committed."""
        self.queues: dict[int, Entry] = {}
        self._queue_ids: dict[tuple[str, str], int] = {}
        for row in self._connection.execute(f"SELECT {_COLUMNS} FROM queue").fetchall():  # noqa: S608 - our own names
            self._remember(entry_of(row))
        self.tasks: dict[int, str] = dict(self._connection.execute("SELECT id, name FROM task").fetchall())
        self._task_ids = {name: number for number, name in self.tasks.items()}

    def find_queue(self, namespace: str, name: str) -> Entry | None:
        number = self._queue_ids.get((namespace, name))
        return None if number is None else self.queues[number]

    def find_task(self, name: str) -> int | None:
        return self._task_ids.get(name)

    def queue(self, namespace: str, name: str, *, declare: bool, now: Micros) -> Entry:
        """The entry of a queue, made where it is not known; `declare` makes an undeclared one real."""
        entry = self.find_queue(namespace, name)
        declare = declare or name == DEFAULT_QUEUE
        if entry is None:
            return self._add(new_queue(namespace, name, now=now), declared=declare)
        if declare and not entry.declared:
            return self.put(entry._replace(declared=True, queue=new_queue(namespace, name, now=now)))
        return entry

    def task(self, name: str) -> int:
        number = self._task_ids.get(name)
        if number is None:
            number = int(self._connection.execute("INSERT INTO task (name) VALUES (?)", (name,)).lastrowid or 0)
            self._task_ids[name] = number
            self.tasks[number] = name
        return number

    def put(self, entry: Entry) -> Entry:
        queue = entry.queue
        self._connection.execute(
            "UPDATE queue SET declared = ?, limits = ?, job_defaults = ?, paused = ?, paused_by = ?,"
            " paused_reason = ?, paused_until = ?, revision = ?, created_at = ?, managed_by = ?, deleted = ?,"
            " trouble = ?, rate_cell = ? WHERE id = ?",
            (entry.declared, *_record(queue), entry.rate_cell, entry.id),
        )
        self._remember(entry)
        return entry

    def set_rate_cell(self, number: int, cell: int) -> None:
        self._connection.execute("UPDATE queue SET rate_cell = ? WHERE id = ?", (cell, number))
        self._remember(self.queues[number]._replace(rate_cell=cell))

    def _add(self, queue: Queue, *, declared: bool) -> Entry:
        number = self._connection.execute(
            "INSERT INTO queue (namespace, name, declared, limits, job_defaults, paused, paused_by,"
            " paused_reason, paused_until, revision, created_at, managed_by, deleted, trouble)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (queue.namespace, queue.name, declared, *_record(queue)),
        ).lastrowid
        entry = Entry(int(number or 0), declared, queue)
        self._remember(entry)
        return entry

    def _remember(self, entry: Entry) -> None:
        self.queues[entry.id] = entry
        self._queue_ids[entry.queue.namespace, entry.queue.name] = entry.id


def entry_of(row: tuple[object, ...]) -> Entry:
    """Read a row of `_COLUMNS`."""
    number, namespace, name, declared, limits, defaults, paused, by, reason, until, revision, made, *more = row
    cell, manager, gone, trouble = more
    queue = msgspec.convert(
        {
            "namespace": namespace,
            "name": name,
            "limits": msgspec.json.decode(str(limits), type=QueueLimits),
            "jobDefaults": msgspec.json.decode(str(defaults), type=JobDefaults),
            "paused": bool(paused),
            "pausedBy": by,
            "pausedReason": reason,
            "pausedUntil": until,
            "managedBy": manager,
            "deleted": bool(gone),
            "trouble": None if trouble is None else msgspec.json.decode(str(trouble), type=QueueTrouble),
            "revision": revision,
            "createdAt": made,
        },
        Queue,
    )
    return Entry(int(str(number)), bool(declared), queue, int(str(cell)))


def read_queue(connection: sqlite3.Connection, namespace: str, name: str) -> Queue | None:
    """A declared queue, for readers."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM queue WHERE namespace = ? AND name = ? AND declared",  # noqa: S608 - our own names
        (namespace, name),
    ).fetchone()
    return None if row is None else entry_of(row).queue


def read_queues(connection: sqlite3.Connection, namespace: str) -> list[Queue]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM queue WHERE namespace = ? AND declared ORDER BY name",  # noqa: S608 - our own names
        (namespace,),
    ).fetchall()
    return [entry_of(row).queue for row in rows]


def _record(queue: Queue) -> tuple[object, ...]:
    return (
        msgspec.json.encode(queue.limits).decode(),
        msgspec.json.encode(queue.job_defaults).decode(),
        queue.paused,
        queue.paused_by,
        queue.paused_reason,
        queue.paused_until,
        queue.revision,
        queue.created_at,
        queue.managed_by,
        queue.deleted,
        None if queue.trouble is None else msgspec.json.encode(queue.trouble).decode(),
    )
