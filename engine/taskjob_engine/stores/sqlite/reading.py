"""Reading jobs: by id, lists, counts, history. Runs on the read pool's connections; changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from taskjob.model import Attempt, AttemptOutcome, Job, Phase
from taskjob_engine.lifecycle.cursor import decode_cursor, encode_cursor
from taskjob_engine.lifecycle.history import completed_attempt, current_attempt
from taskjob_engine.lifecycle.state import JobState, State
from taskjob_engine.lifecycle.view import JobDetails, job_view
from taskjob_engine.store import JobFilter, JobRef, Page
from taskjob_engine.stores.sqlite.rows import (
    COLUMNS,
    StoredRow,
    json_text,
    read_error,
    read_labels,
    read_owner,
    state_of,
)

_SELECT = f"""
SELECT json_array({COLUMNS}), queue.namespace, queue.name, task.name,
    COALESCE(job.payload, (SELECT body FROM payload WHERE job_pk = job.pk)), job.name, job.labels,
    job.progress, (SELECT body FROM checkpoint WHERE job_pk = job.pk), (SELECT body FROM result WHERE job_pk = job.pk),
    job.result_ref
FROM job CROSS JOIN queue ON queue.id = job.queue_id CROSS JOIN task ON task.id = job.task_id
"""  # noqa: S608 - our own names

_BY_ID = _SELECT + "WHERE job.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - our own names
_COUNT = """
SELECT COUNT(*) FROM (
    SELECT 1 FROM job CROSS JOIN queue ON queue.id = job.queue_id CROSS JOIN task ON task.id = job.task_id
"""

_ATTEMPTS = """
SELECT run, number, worker, leased_at, started_at, finished_at, outcome, error
FROM attempt WHERE job_pk = ? ORDER BY run, number
"""

_HAS_LABEL = "EXISTS (SELECT 1 FROM json_each(job.labels) AS label WHERE label.key = ? AND label.value = ?)"

_row = msgspec.json.Decoder(StoredRow)

_CONDITIONS = {
    Phase.SUBMITTED: "job.state = 'waiting' AND job.reason <> 'Backoff'",
    Phase.RETRY_QUEUED: "job.state = 'waiting' AND job.reason = 'Backoff'",
    Phase.QUEUED: "job.state = 'ready'",
    Phase.ASSIGNED: "job.state = 'leased' AND job.started_at IS NULL",
    Phase.RUNNING: "job.state = 'leased' AND job.started_at IS NOT NULL",
    Phase.COMPLETED: "job.state = 'completed'",
    Phase.DEAD_LETTER: "job.state = 'dead_letter'",
    Phase.CANCELLED: "job.state = 'cancelled'",
}
"""`phase_of` turned round; the conformance suite holds the two together."""


def jobs_by_id(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Job]:
    return {job.id: job for job in map(_view, connection.execute(_BY_ID, (json_text(ids),)).fetchall())}


def get(connection: sqlite3.Connection, refs: Sequence[JobRef]) -> list[Job | None]:
    found = jobs_by_id(connection, [ref.id for ref in refs])
    jobs = (found.get(ref.id) for ref in refs)
    return [
        job if job is not None and job.namespace == ref.namespace else None for ref, job in zip(refs, jobs, strict=True)
    ]


def page(connection: sqlite3.Connection, where: JobFilter, *, limit: int, cursor: str | None) -> Page:
    conditions, values = _conditions(where)
    if cursor is not None:
        conditions.append("job.id < ?")
        values.append(decode_cursor(where.namespace, cursor))
    sql = f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY job.id DESC LIMIT ?"
    found = connection.execute(sql, (*values, limit + 1)).fetchall()
    shown = tuple(map(_view, found[:limit]))
    more = len(found) > limit and bool(shown)
    return Page(jobs=shown, cursor=encode_cursor(where.namespace, shown[-1].id) if more else None)


def count(connection: sqlite3.Connection, where: JobFilter, *, limit: int) -> int:
    conditions, values = _conditions(where)
    sql = f"{_COUNT} WHERE {' AND '.join(conditions)} LIMIT ?)"
    return int(connection.execute(sql, (*values, limit)).fetchone()[0])


def attempts(connection: sqlite3.Connection, ref: JobRef) -> list[Attempt]:
    found = connection.execute(f"{_SELECT} WHERE job.id = ?", (ref.id,)).fetchall()
    if not found or found[0][1] != ref.namespace:
        return []
    row = _row.decode(found[0][0])
    ended = [
        Attempt(
            run=run,
            number=number,
            worker=worker,
            leased_at=leased_at,
            started_at=started_at,
            finished_at=finished_at,
            outcome=AttemptOutcome(outcome),
            error=read_error(error),
        )
        for run, number, worker, leased_at, started_at, finished_at, outcome, error in connection.execute(
            _ATTEMPTS, (row.pk,)
        ).fetchall()
    ]
    job = _state(row, found[0])
    if job.state is State.LEASED:
        return [*ended, current_attempt(job)]
    if job.state is State.COMPLETED and row.lease_id is not None:
        return [*ended, completed_attempt(job, leased_at=row.leased_at or 0)]
    return ended


def _conditions(where: JobFilter) -> tuple[list[str], list[Any]]:
    conditions = ["queue.namespace = ?"]
    values: list[Any] = [where.namespace]
    simple = (
        ("queue.name = ?", where.queue),
        ("task.name = ?", where.task),
        ("job.name = ?", where.name),
        ("job.created_at >= ?", where.created_after),
        ("job.created_at < ?", where.created_before),
        ("job.finished_at < ?", where.finished_before),
    )
    for condition, value in simple:
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if where.phases:
        conditions.append("(" + " OR ".join(f"({_CONDITIONS[phase]})" for phase in where.phases) + ")")
    if where.ids:
        conditions.append("job.id IN (SELECT value FROM json_each(?))")
        values.append(json_text(where.ids))
    for label, value in where.labels.items():
        conditions.append(
            "EXISTS (SELECT 1 FROM json_each(job.labels) AS label WHERE label.key = ? AND label.value = ?)"
        )
        values += [label, value]
    return conditions, values


def _state(row: StoredRow, found: tuple[Any, ...]) -> JobState:
    return state_of(row, namespace=found[1], queue=found[2], task=found[3])


def _view(found: tuple[Any, ...]) -> Job:
    row = _row.decode(found[0])
    payload, name, labels, progress, checkpoint, result, result_ref = found[4:]
    details = JobDetails(
        payload=payload.encode() if isinstance(payload, str) else payload,
        name=name,
        labels=read_labels(labels),
        idempotency_key=row.idempotency_key,
        owner=read_owner(row.owner),
        progress=progress,
        checkpoint=checkpoint,
        result=result,
        result_ref=result_ref,
    )
    return job_view(_state(row, found), details)
