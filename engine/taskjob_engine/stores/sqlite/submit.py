"""The verb `submit`: key, job, permit, ledger and dirty row of each accepted document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from taskjob.errors import InvalidError
from taskjob.model import JobDefaults
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.state import JobState, phase_of
from taskjob_engine.policies.resolve import key_expires_at, resolve
from taskjob_engine.store import Submission, Submitted
from taskjob_engine.stores.sqlite import permits
from taskjob_engine.stores.sqlite.bodies import INLINE_PAYLOAD_BYTES
from taskjob_engine.stores.sqlite.bulk import insert_rows
from taskjob_engine.stores.sqlite.catalog import Entry
from taskjob_engine.stores.sqlite.rows import decode, json_text, write_retry
from taskjob_engine.stores.sqlite.transaction import Transaction

_SHARED = (
    "queue_id",
    "task_id",
    "retry",
    "priority",
    "timeout_seconds",
    "active_deadline_seconds",
    "ttl_seconds_after_finished",
    "ttl_seconds_after_failed",
    "created_at",
    "start_after",
    "state",
    "reason",
    "suspend",
    "deadline_at",
    "due_at",
    "ready_at",
    "rank",
    "run",
)
"""Equal for jobs that ask for the same things at the same moment."""

_OWN = (
    "pk",
    "id",
    "payload",
    "name",
    "labels",
    "idempotency_key",
    "concurrency_key",
    "owner",
)

_KEYS = """
SELECT json_group_array(json_array(k.namespace, k.key, k.job_id, k.document_hash, k.expires_at,
                                   job.finished_at, job.expires_at))
FROM json_each(?) AS wanted
CROSS JOIN idempotency_key AS k ON k.namespace = wanted.value ->> 0 AND k.key = wanted.value ->> 1
LEFT JOIN job ON job.id = k.job_id
"""

Key = tuple[str, str]


def submit(tx: Transaction, items: Sequence[Submission]) -> list[Submitted]:
    """Jobs of unknown queues wait for them to be made."""
    return _submit(tx, items, create_queues=False)


def submit_and_declare(tx: Transaction, items: Sequence[Submission]) -> list[Submitted]:
    """Unknown queues are made by their first job."""
    return _submit(tx, items, create_queues=True)


def _submit(tx: Transaction, items: Sequence[Submission], *, create_queues: bool) -> list[Submitted]:
    known = _Known(tx, items)
    fresh = _Fresh(tx)
    verdicts = []
    for item in items:
        verdict = known.verdict(item) or _accept(tx, item, fresh, create_queues=create_queues)
        if verdict.outcome == "created":
            known.remember(item)
        verdicts.append(verdict)
    fresh.write()
    return verdicts


def _accept(tx: Transaction, item: Submission, fresh: _Fresh, *, create_queues: bool) -> Submitted:
    try:
        _check_text(item)
        payload = item.payload.decode()
        shape = fresh.shape(item, create_queues=create_queues)
    except (InvalidError, UnicodeError) as error:
        return Submitted(outcome="rejected", id=item.id, code=InvalidError.code, detail=str(error))
    most = shape.entry.queue.limits.max_live_jobs
    if most is not None and tx.live(shape.entry.id) + fresh.count(shape.entry.id) >= most:
        detail = f"queue {item.queue!r} has {most} live jobs, its limit (maxLiveJobs)"
        return Submitted(outcome="rejected", id=item.id, code="QuotaExceeded", detail=detail)
    fresh.add(item, shape, payload)
    return Submitted(outcome="created", id=item.id)


def _check_text(item: Submission) -> None:
    """Text that is no Unicode (a lone surrogate) cannot be stored: `UnicodeEncodeError`."""
    msgspec.json.encode((item.name, item.labels, item.concurrency_key, item.owner))


class _Known:
    """Keys and ids that the store or an earlier item of this call already has."""

    def __init__(self, tx: Transaction, items: Sequence[Submission]) -> None:
        self._keys: dict[Key, tuple[str, str]] = {}
        self._ids: dict[str, str] = self._existing_ids(tx, items)
        self._read_keys(tx, items)

    def verdict(self, item: Submission) -> Submitted | None:
        """The answer for a repeat, None for a new job."""
        if item.idempotency_key is not None:
            first = self._keys.get((item.namespace, item.idempotency_key))
            if first is not None:
                same = first[1] == item.document_hash
                return Submitted(outcome="existing" if same else "conflict", id=first[0])
        namespace = self._ids.get(item.id)
        if namespace is None:
            return None
        return Submitted(outcome="existing" if namespace == item.namespace else "conflict", id=item.id)

    def remember(self, item: Submission) -> None:
        self._ids[item.id] = item.namespace
        if item.idempotency_key is not None:
            self._keys[item.namespace, item.idempotency_key] = (item.id, item.document_hash)

    def _existing_ids(self, tx: Transaction, items: Sequence[Submission]) -> dict[str, str]:
        found = tx.select(
            "SELECT json_group_object(job.id, job.queue_id) FROM json_each(?) AS wanted"
            " CROSS JOIN job ON job.id = wanted.value",
            (json_text([item.id for item in items]),),
        )[0][0]
        if found == "{}":
            return {}
        return {name: tx.catalog.queues[number].queue.namespace for name, number in decode(found).items()}

    def _read_keys(self, tx: Transaction, items: Sequence[Submission]) -> None:
        wanted = [(item.namespace, item.idempotency_key) for item in items if item.idempotency_key is not None]
        if not wanted:
            return
        expired = []
        for namespace, key, job, digest, expires_at, finished_at, retention_at in decode(
            tx.select(_KEYS, (json_text(wanted),))[0][0]
        ):
            until = expires_at if expires_at is not None else key_expires_at(finished_at, retention_at)
            if until is not None and until <= tx.now:
                expired.append((namespace, key))
            else:
                self._keys[namespace, key] = (job, digest)
        for gone in expired:
            tx.connection.execute("DELETE FROM idempotency_key WHERE namespace = ? AND key = ?", gone)


class _Shape:
    """What a new job is, but for what is its own: resolved and placed once, true for all that ask for the same."""

    __slots__ = ("entry", "job", "phase", "rows", "stream")

    def __init__(self, entry: Entry, task_id: int, job: JobState) -> None:
        self.entry = entry
        self.stream = (entry.id, task_id)
        self.job = job
        self.phase = phase_of(job.state, job.reason, job.started_at)
        self.rows: list[tuple[Any, ...]] = []

    def limited(self) -> _Shape:
        return _Shape(self.entry, self.stream[1], transitions.limited(self.job))

    def values(self) -> tuple[Any, ...]:
        """In the order of `_SHARED`."""
        job = self.job
        return (
            *self.stream,
            write_retry(job.retry),
            job.priority,
            job.timeout_seconds,
            job.active_deadline_seconds,
            job.ttl_seconds_after_finished,
            job.ttl_seconds_after_failed,
            job.created_at,
            job.start_after,
            job.state.value,
            job.reason.value,
            job.suspend,
            job.deadline_at,
            job.due_at,
            job.ready_at,
            job.rank,
            job.run,
        )


class _Fresh:
    """New jobs of one call, written in bulk."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._shapes: dict[tuple[Any, ...], _Shape] = {}
        self._limited: dict[_Shape, _Shape] = {}
        self._payloads: list[tuple[int, bytes]] = []
        self._keys: list[tuple[str, str, str, str]] = []

    def shape(self, item: Submission, *, create_queues: bool) -> _Shape:
        """Raises `InvalidError` for numbers that cannot be stored; then no queue is made."""
        wanted = (
            item.namespace,
            item.queue,
            item.task,
            item.priority,
            item.start_after,
            item.suspend,
            item.timeout_seconds,
            item.active_deadline_seconds,
            item.ttl_seconds_after_finished,
            item.ttl_seconds_after_failed,
            item.retry,
            item.run,
        )
        shape = self._shapes.get(wanted)
        if shape is None:
            shape = self._shapes[wanted] = self._new_shape(item, create_queues=create_queues)
        return shape

    def add(self, item: Submission, shape: _Shape, payload: str) -> None:
        tx = self._tx
        pk = tx.new_pk()
        if item.concurrency_key is not None:
            shape = self._permitted(item, shape, pk)
        inline = len(item.payload) <= INLINE_PAYLOAD_BYTES
        owner = None if item.owner is None else json_text(item.owner)
        shape.rows.append(
            (
                pk,
                item.id,
                payload if inline else None,
                item.name,
                json_text(item.labels) if item.labels else None,
                item.idempotency_key,
                item.concurrency_key,
                owner,
            )
        )
        if not inline:
            self._payloads.append((pk, item.payload))
        if item.idempotency_key is not None:
            self._keys.append((item.namespace, item.idempotency_key, item.id, item.document_hash))
        if owner is not None:
            tx.mark_dirty(item.id, owner)

    def count(self, queue_id: int) -> int:
        """New jobs of a queue so far, all of them live."""
        return sum(len(shape.rows) for shape in self._all() if shape.entry.id == queue_id)

    def write(self) -> None:
        connection = self._tx.connection
        for shape in self._all():
            insert_rows(connection, "job", _SHARED + _OWN, shape.rows, shape.values())
            self._tx.accepted(shape.stream, shape.job, shape.phase, [row[1] for row in shape.rows])
        insert_rows(connection, "payload", ("job_pk", "body"), self._payloads)
        insert_rows(connection, "idempotency_key", ("namespace", "key", "job_id", "document_hash"), self._keys)

    def _all(self) -> list[_Shape]:
        return [*self._shapes.values(), *self._limited.values()]

    def _new_shape(self, item: Submission, *, create_queues: bool) -> _Shape:
        tx = self._tx
        resolve(item, JobDefaults(), now=tx.now)
        entry = tx.catalog.queue(item.namespace, item.queue, declare=create_queues, now=tx.now)
        job = resolve(item, entry.queue.job_defaults, now=tx.now)
        placed = transitions.accept(job, now=tx.now)
        return _Shape(entry, tx.catalog.task(item.task), placed)

    def _permitted(self, item: Submission, shape: _Shape, pk: int) -> _Shape:
        """The same shape where the job gets its permit or needs none yet, else its limited twin."""
        job = msgspec.structs.replace(shape.job, concurrency_key=item.concurrency_key)
        if not transitions.holds_permit(job) or permits.take(self._tx, shape.entry.id, job, pk):
            return shape
        return self._limited.setdefault(shape, shape.limited())
