"""Between rows of `job` and `JobState`. Reads many rows in one step: SQLite makes one JSON text, msgspec reads it."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from taskjob.model import ErrorInfo, Micros, Owner, Reason, RetryPolicy
from taskjob_engine.lifecycle.state import JobState, State
from taskjob_engine.stores.sqlite.catalog import Catalog

DEFAULT_RETRY = RetryPolicy()

MOVING = (
    "state",
    "reason",
    "suspend",
    "priority",
    "ttl_seconds_after_finished",
    "ttl_seconds_after_failed",
    "run",
    "revision",
    "attempts",
    "lost",
    "interruptions",
    "deliveries",
    "deadline_at",
    "due_at",
    "ready_at",
    "rank",
    "lease_id",
    "session",
    "worker",
    "leased_at",
    "started_at",
    "timeout_at",
    "finished_at",
    "expires_at",
    "cancel_requested_at",
    "last_error",
)
"""The columns that a transition may change, in the order of `moving_values`."""


class StoredRow(msgspec.Struct, array_like=True, frozen=True):
    """A row of `job` as JSON, in the order of its fields."""

    pk: int
    id: str
    queue_id: int
    task_id: int
    retry: str | None
    idempotency_key: str | None
    concurrency_key: str | None
    owner: str | None
    lease_seq: int | None
    timeout_seconds: int
    active_deadline_seconds: int | None
    created_at: Micros
    start_after: Micros | None
    state: State
    reason: Reason
    suspend: int
    priority: int
    ttl_seconds_after_finished: int
    ttl_seconds_after_failed: int
    run: int
    revision: int
    attempts: int
    lost: int
    interruptions: int
    deliveries: int
    deadline_at: Micros | None
    due_at: Micros | None
    ready_at: Micros | None
    rank: int
    lease_id: str | None
    session: str | None
    worker: str | None
    leased_at: Micros | None
    started_at: Micros | None
    timeout_at: Micros | None
    finished_at: Micros | None
    expires_at: Micros | None
    cancel_requested_at: Micros | None
    last_error: str | None


class Loaded(NamedTuple):
    """A job as the transaction finds it, and what the store keeps beside its state."""

    pk: int
    queue_id: int
    task_id: int
    idempotency_key: str | None
    owner: str | None
    lease_seq: int | None
    job: JobState


COLUMNS = ", ".join(f"job.{name}" for name in StoredRow.__struct_fields__)
_BY_ID = f"""
SELECT json_group_array(json_array({COLUMNS}))
FROM json_each(?) AS wanted CROSS JOIN job ON job.id = wanted.value
"""  # noqa: S608 - our own names
_BY_PK = f"""
SELECT json_group_array(json_array({COLUMNS}))
FROM json_each(?) AS wanted CROSS JOIN job ON job.pk = wanted.value
"""  # noqa: S608 - our own names

_rows = msgspec.json.Decoder(list[StoredRow])
_retry = msgspec.json.Decoder(RetryPolicy)
_error = msgspec.json.Decoder(ErrorInfo)
_owner = msgspec.json.Decoder(Owner)
_labels = msgspec.json.Decoder(dict[str, str])


def load_by_id(connection: sqlite3.Connection, catalog: Catalog, ids: Sequence[str]) -> dict[str, Loaded]:
    text = connection.execute(_BY_ID, (json_text(ids),)).fetchone()[0]
    return {row.id: loaded_of(row, catalog) for row in _rows.decode(text)}


def load_by_pk(connection: sqlite3.Connection, catalog: Catalog, pks: Sequence[int]) -> list[Loaded]:
    """In the order of `pks`, the missing left out."""
    text = connection.execute(_BY_PK, (json_text(pks),)).fetchone()[0]
    return [loaded_of(row, catalog) for row in _rows.decode(text)]


def loaded_of(row: StoredRow, catalog: Catalog) -> Loaded:
    queue = catalog.queues[row.queue_id].queue
    job = state_of(row, namespace=queue.namespace, queue=queue.name, task=catalog.tasks[row.task_id])
    return Loaded(row.pk, row.queue_id, row.task_id, row.idempotency_key, row.owner, row.lease_seq, job)


def state_of(row: StoredRow, *, namespace: str, queue: str, task: str) -> JobState:
    """The row of a plain completion goes on naming the lease that ended with it: that is its attempt record (see
    `deliveries`), and nothing that the job still has."""
    leased = row.state is State.LEASED
    return JobState(
        id=row.id,
        namespace=namespace,
        queue=queue,
        task=task,
        retry=read_retry(row.retry),
        timeout_seconds=row.timeout_seconds,
        priority=row.priority,
        concurrency_key=row.concurrency_key,
        suspend=bool(row.suspend),
        ttl_seconds_after_finished=row.ttl_seconds_after_finished,
        ttl_seconds_after_failed=row.ttl_seconds_after_failed,
        created_at=row.created_at,
        start_after=row.start_after,
        active_deadline_seconds=row.active_deadline_seconds,
        deadline_at=row.deadline_at,
        state=row.state,
        reason=row.reason,
        run=row.run,
        revision=row.revision,
        attempts=row.attempts,
        lost=row.lost,
        interruptions=row.interruptions,
        deliveries=row.deliveries,
        due_at=row.due_at,
        ready_at=row.ready_at,
        rank=row.rank,
        lease_id=row.lease_id if leased else None,
        session=row.session if leased else None,
        worker=row.worker,
        leased_at=row.leased_at if leased else None,
        started_at=row.started_at,
        timeout_at=row.timeout_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        cancel_requested_at=row.cancel_requested_at,
        last_error=read_error(row.last_error),
    )


def moving_values(job: JobState) -> tuple[Any, ...]:
    return (
        job.state.value,
        job.reason.value,
        job.suspend,
        job.priority,
        job.ttl_seconds_after_finished,
        job.ttl_seconds_after_failed,
        job.run,
        job.revision,
        job.attempts,
        job.lost,
        job.interruptions,
        job.deliveries,
        job.deadline_at,
        job.due_at,
        job.ready_at,
        job.rank,
        job.lease_id,
        job.session,
        job.worker,
        job.leased_at,
        job.started_at,
        job.timeout_at,
        job.finished_at,
        job.expires_at,
        job.cancel_requested_at,
        write_error(job.last_error),
    )


def json_text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def decode(text: str) -> Any:
    return msgspec.json.decode(text)


@functools.lru_cache(maxsize=256)
def write_retry(retry: RetryPolicy) -> str | None:
    return None if retry == DEFAULT_RETRY else json_text(retry)


@functools.lru_cache(maxsize=256)
def read_retry(text: str | None) -> RetryPolicy:
    return DEFAULT_RETRY if text is None else _retry.decode(text)


def write_error(error: ErrorInfo | None) -> str | None:
    return None if error is None else json_text(error)


def read_error(text: str | None) -> ErrorInfo | None:
    return None if text is None else _error.decode(text)


def read_owner(text: str | None) -> Owner | None:
    return None if text is None else _owner.decode(text)


def read_labels(text: str | None) -> dict[str, str]:
    return {} if text is None else _labels.decode(text)
