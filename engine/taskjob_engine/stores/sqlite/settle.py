"""The verb `settle`. Plain completions, the bulk of all settles, are ended by set-based statements; whatever has a
condition attached goes through the life cycle one by one. The conformance suite holds both to the same outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from taskjob.model import AttemptOutcome, Micros, Phase
from taskjob_engine.lifecycle.fencing import fence_settle
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.lifecycle.state import State, phase_of
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.store import Settled, Settlement, SettleVerdict, WakeUp
from taskjob_engine.stores.sqlite import session_rows
from taskjob_engine.stores.sqlite.bulk import insert_rows, update_rows, with_rows
from taskjob_engine.stores.sqlite.deliveries import end_delivery, past_delivery
from taskjob_engine.stores.sqlite.ledger import Stream
from taskjob_engine.stores.sqlite.rows import Loaded, json_text
from taskjob_engine.stores.sqlite.transaction import FreshJobs, Transaction

_FACTS = """
SELECT json_group_array(json_array(
    job.id, job.pk, job.queue_id, job.task_id, job.lease_id, job.session, job.leased_at, job.started_at,
    job.state = 'leased' AND job.cancel_requested_at IS NULL AND job.concurrency_key IS NULL AND job.owner IS NULL
))
FROM json_each(?) AS wanted CROSS JOIN job ON job.id = wanted.value
"""

# Of each row of values: pk, began_at. ?1 is now.
_RECORD = """
INSERT INTO attempt (
    job_pk, run, number, lease_id, session, worker, leased_at, started_at, finished_at, outcome
)
SELECT pk, run, deliveries, lease_id, session, worker, leased_at, v.column2, ?1, 'completed'
FROM ({rows}) AS v CROSS JOIN job ON job.pk = v.column1
"""
_COMPLETE = """
UPDATE job SET
    state = 'completed', reason = 'Completed', lease_id = NULL, session = NULL, leased_at = NULL, timeout_at = NULL,
    due_at = NULL, ready_at = NULL, started_at = v.column2, finished_at = ?1,
    expires_at = ?1 + ttl_seconds_after_finished * 1000000, attempts = attempts + 1, revision = revision + 1
FROM ({rows}) AS v WHERE job.pk = v.column1
"""


class _Fact(msgspec.Struct, array_like=True, frozen=True):
    id: str
    pk: int
    queue_id: int
    task_id: int
    lease_id: str | None
    session: str | None
    leased_at: Micros | None
    started_at: Micros | None
    is_plain: int


_facts = msgspec.json.Decoder(list[_Fact])


class _Completion(NamedTuple):
    fact: _Fact
    item: Settlement


def settle(tx: Transaction, items: Sequence[Settlement]) -> list[Settled]:
    sessions = session_rows.read(tx.connection, {item.session for item in items})
    plain = _plain_completions(tx, items, sessions)
    _complete(tx, list(plain.values()))
    others = [item.job for at, item in enumerate(items) if at not in plain]
    jobs = FreshJobs(tx, others) if others else None
    accepted = _Accepted(tx)
    return [
        _settle(tx, jobs.get(item.job), item, sessions.get(item.session))
        if jobs is not None and at not in plain
        else accepted.verdict(plain[at].fact)
        for at, item in enumerate(items)
    ]


def _plain_completions(
    tx: Transaction, items: Sequence[Settlement], sessions: dict[str, SessionState]
) -> dict[int, _Completion]:
    """By position: accepted settles that complete a job with nothing else to mind. A job named twice has none."""
    candidates = {item.job: at for at, item in enumerate(items) if item.outcome is AttemptOutcome.COMPLETED}
    if len({item.job for item in items}) < len(items):
        return {}
    tx.flush_rows()
    text = tx.connection.execute(_FACTS, (json_text(list(candidates)),)).fetchone()[0]
    plain = {}
    for fact in _facts.decode(text):
        at = candidates.get(fact.id)
        if at is None:
            continue
        item = items[at]
        session = sessions.get(item.session)
        if (
            fact.is_plain
            and fact.lease_id == item.lease  # False: the long way
            and fact.session == item.session  # False: the long way
            and session is not None
            and session.principal == item.principal  # False: the long way
            and session.namespace == tx.catalog.queues[fact.queue_id].queue.namespace  # False: the long way
            and item.error is None
        ):
            plain[at] = _Completion(fact, item)
    return plain


def _complete(tx: Transaction, completions: list[_Completion]) -> None:
    if not completions:
        return
    rows, results, references = [], [], []
    ended: Counter[Stream] = Counter()
    for fact, item in completions:
        began = fact.started_at
        if began is None:
            began = max(tx.now - micros(item.duration_seconds), fact.leased_at or tx.now)
        rows.append((fact.pk, began))
        ended[fact.queue_id, fact.task_id] += 1
        if item.result is not None:
            results.append((fact.pk, item.result))
        if item.result_ref is not None:
            references.append((fact.pk, item.result_ref))
    with_rows(tx.connection, _RECORD, rows, (tx.now,))
    with_rows(tx.connection, _COMPLETE, rows, (tx.now,))
    insert_rows(tx.connection, "result", ("job_pk", "body"), results)
    update_rows(tx.connection, "job", ("result_ref",), references)
    for stream, count in ended.items():
        tx.deltas.move(stream, State.LEASED, State.COMPLETED, count)


class _Accepted:
    """The verdicts of plain completions: one record for all jobs of a stream."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._by_stream: dict[Stream, Settled] = {}

    def verdict(self, fact: _Fact) -> Settled:
        stream = (fact.queue_id, fact.task_id)
        settled = self._by_stream.get(stream)
        if settled is None:
            queue = self._tx.catalog.queues[fact.queue_id].queue
            settled = self._by_stream[stream] = Settled(
                verdict=SettleVerdict.ACCEPTED,
                phase=Phase.COMPLETED,
                namespace=queue.namespace,
                queue=queue.name,
                task=self._tx.catalog.tasks[fact.task_id],
            )
        if self._tx.watched:
            self._tx.hints.append(
                WakeUp(
                    namespace=settled.namespace,
                    queue=settled.queue,
                    task=settled.task,
                    job=fact.id,
                    phase=Phase.COMPLETED,
                )
            )
        return settled


def _settle(tx: Transaction, loaded: Loaded | None, item: Settlement, session: SessionState | None) -> Settled:
    if loaded is not None and session is not None and session.namespace != loaded.job.namespace:
        loaded = None
    fence = fence_settle(
        None if loaded is None else loaded.job,
        lease=item.lease,
        session=item.session,
        principal=item.principal,
        session_principal=None if session is None else session.principal,
        outcome=item.outcome,
        past=None if loaded is None or loaded.job.lease_id == item.lease else past_delivery(tx, loaded.pk, item.lease),
    )
    if loaded is None or fence.verdict != "accepted":
        return Settled(verdict=SettleVerdict(fence.verdict), reason=fence.reason)
    ending = Ending(
        item.outcome,
        error=item.error,
        retryable=item.retryable,
        delay_seconds=item.delay_seconds,
        duration_seconds=item.duration_seconds,
    )
    job = end_delivery(tx, loaded, ending, result=item.result, result_ref=item.result_ref)
    return Settled(
        verdict=SettleVerdict.ACCEPTED,
        phase=phase_of(job.state, job.reason, job.started_at),
        namespace=job.namespace,
        queue=job.queue,
        task=job.task,
    )
