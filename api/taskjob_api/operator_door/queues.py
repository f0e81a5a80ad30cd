"""`queues/ensure`, `queues/managed`, `queues/numbers`: what TaskQueues declare, what their status reads."""

from __future__ import annotations

import asyncio

from taskjob.errors import InvalidError
from taskjob.model import Queue, QueueTrouble, names
from taskjob.model.times import SECOND
from taskjob.spec import InvalidDocumentError, QueueDocument, read_model, refuse_later_fields
from taskjob.wire.operator_messages import (
    DeclaredQueue,
    EnsuredQueue,
    EnsureQueues,
    ManagedQueues,
    QueueNumbers,
    QueueNumbersRead,
    QueuesEnsured,
    ReadManagedQueues,
    ReadQueueNumbers,
)
from taskjob_api.job_documents import decode_json
from taskjob_api.queue_documents import declaration
from taskjob_engine.engine import Engine
from taskjob_engine.policies.queue_change import is_paused, pause_is_over
from taskjob_engine.store import QueueChange, QueueLoad

_ENSURED = EnsuredQueue(outcome="ensured")


async def ensure_queues(engine: Engine, request: EnsureQueues) -> QueuesEnsured:
    """The changes enter the store in one turn of the loop and share its flushes."""
    read = [_read(item, request.cluster_id) for item in request.queues]
    await asyncio.gather(*(engine.put_queue(change) for change in read if isinstance(change, QueueChange)))
    return QueuesEnsured(queues=tuple(_ENSURED if isinstance(it, QueueChange) else it for it in read))


async def read_managed_queues(engine: Engine, request: ReadManagedQueues) -> ManagedQueues:
    return ManagedQueues(queues=tuple(await engine.managed_queues(request.cluster_id)))


async def read_queue_numbers(engine: Engine, request: ReadQueueNumbers) -> QueueNumbersRead:
    loads = await engine.loads(request.queues)
    now = engine.now()
    usual = [engine.recorder.run_seconds_p95(load.namespace, load.name) for load in loads]
    return QueueNumbersRead(now=now, queues=tuple(_numbers(*each, now) for each in zip(loads, usual, strict=True)))


def _read(item: DeclaredQueue, cluster_id: str) -> QueueChange | EnsuredQueue:
    try:
        return _change(item, cluster_id)
    except InvalidError as error:
        first = error.errors[0] if isinstance(error, InvalidDocumentError) else error
        return EnsuredQueue(outcome="rejected", code=error.code, detail=first.detail, field=first.field)


def _change(item: DeclaredQueue, cluster_id: str) -> QueueChange:
    if not names.is_queue(item.name):
        raise InvalidError(f"{item.name!r} cannot be a queue's name", field="/metadata/name")
    if item.deleted:
        return QueueChange(namespace=item.namespace, name=item.name, managed_by=cluster_id, deleted=True)
    raw = decode_json(bytes(item.spec), "/spec")
    refuse_later_fields("TaskQueue", raw)
    document = read_model(QueueDocument, raw, "/spec")
    told = item.trouble
    trouble = None if told is None else QueueTrouble(reason=told.reason, message=told.message)
    return declaration(document, namespace=item.namespace, name=item.name, managed_by=cluster_id, trouble=trouble)


def _numbers(load: QueueLoad, run_seconds_p95: float | None, now: int) -> QueueNumbers:
    waited = 0.0 if load.oldest_ready_at is None else max(0.0, (now - load.oldest_ready_at) / SECOND)
    return QueueNumbers(
        namespace=load.namespace,
        name=load.name,
        ready=load.ready,
        running=load.running,
        delayed=load.delayed,
        blocked=load.blocked,
        dead_letters=load.dead_letters,
        unservable=load.unservable,
        oldest_age_seconds=waited,
        workers=load.workers,
        slots=load.slots,
        busy_slots=load.busy_slots,
        paused_by=() if load.queue is None or not is_paused(load.queue, now=now) else _paused_by(load.queue, now),
        run_seconds_p95=run_seconds_p95,
    )


def _paused_by(queue: Queue, now: int) -> tuple[str, ...]:
    by_person = queue.paused_by is not None and not pause_is_over(queue, now=now)
    return ("spec",) * queue.paused + (f"api:{queue.paused_by}",) * by_person
