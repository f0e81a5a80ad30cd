"""The verb `settle`. Plain completions, the bulk of all settles, are ended by one set-based statement; whatever has a
condition attached goes through the life cycle one by one. The conformance suite holds both to the same outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from taskjob.model import AttemptOutcome, Micros, Phase
from taskjob_engine.lifecycle.fencing import fence_settle
from taskjob_engine.lifecycle.spans import micros
from taskjob_engine.lifecycle.state import State, phase_of
from taskjob_engine.lifecycle.transitions import Ending
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.store import Settled, Settlement, SettleVerdict
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

# Of each row of values: pk, lease, began_at. ?1 is now. The lease stays: the row is the record of its last delivery.
_COMPLETE = """
UPDATE job SET
    state = 'completed', reason = 'Completed', timeout_at = NULL, due_at = NULL, ready_at = NULL,
    started_at = v.column3, finished_at = ?1, expires_at = ?1 + ttl_seconds_after_finished * 1000000,
    attempts = attempts + 1, revision = revision + 1
FROM ({rows}) AS v
WHERE job.pk = v.column1 AND job.lease_id = v.column2 AND job.state = 'leased' AND job.cancel_requested_at IS NULL
"""


class _Fact(msgspec.Struct, array_like=True, frozen=True, gc=False):
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
    """An accepted settle that completes its job with nothing else to mind."""

    pk: int
    stream: Stream
    began_at: Micros
    item: Settlement


def settle(tx: Transaction, items: Sequence[Settlement]) -> list[Settled]:
    plain = dict(_remembered(tx, items)) if _are_different(items) else {}
    if len(plain) == len(items):
        return _complete(tx, plain)
    sessions = session_rows.read(tx.connection, dict.fromkeys(item.session for item in items))
    if _are_different(items):
        plain |= _plain_completions(tx, {at: item for at, item in enumerate(items) if at not in plain}, sessions)
    completed = iter(_complete(tx, plain))
    others = [item.job for at, item in enumerate(items) if at not in plain]
    jobs = FreshJobs(tx, others) if others else None
    return [
        _settle(tx, jobs.get(item.job), item, sessions.get(item.session))
        if jobs is not None and at not in plain
        else next(completed)
        for at, item in enumerate(items)
    ]


def _are_different(items: Sequence[Settlement]) -> bool:
    """Of a job named twice the first settle counts, so that they go one after the other."""
    return len({item.job for item in items}) == len(items)


def _remembered(tx: Transaction, items: Sequence[Settlement]) -> Iterator[tuple[int, _Completion]]:
    """By position: plain completions of leases that are as they were granted, without a look at their rows."""
    now, take = tx.now, tx.leases.take
    for at, item in enumerate(items):
        if item.outcome is AttemptOutcome.COMPLETED and item.error is None:
            job = take(item)
            if job is not None:
                pk, stream, leased_at = job
                began = max(now - micros(item.duration_seconds), leased_at)
                yield at, _Completion(pk, stream, began, item)


def _plain_completions(
    tx: Transaction, items: dict[int, Settlement], sessions: dict[str, SessionState]
) -> dict[int, _Completion]:
    """By position: what the rows say of the others."""
    candidates = {item.job: at for at, item in items.items() if item.outcome is AttemptOutcome.COMPLETED}
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
            # A second lock: a session was granted leases of its own namespace only.
            and session.namespace == tx.catalog.queues[fact.queue_id].queue.namespace  # no fence: see above
            and item.error is None
        ):
            began = fact.started_at
            if began is None:
                began = max(tx.now - micros(item.duration_seconds), fact.leased_at or tx.now)
            plain[at] = _Completion(fact.pk, (fact.queue_id, fact.task_id), began, item)
    return plain


def _complete(tx: Transaction, plain: dict[int, _Completion]) -> list[Settled]:
    """End these jobs; their verdicts in the order of the positions."""
    if not plain:
        return []
    tx.flush_rows()
    completions = [plain[at] for at in sorted(plain)]
    rows = [(done.pk, done.item.lease, done.began_at) for done in completions]
    changed = with_rows(tx.connection, _COMPLETE, rows, (tx.now,))
    if changed != len(rows):
        raise _WrongMemoryError(f"{len(rows) - changed} of {len(rows)} leases are not what they were when granted")
    _keep_results(tx, completions)
    ended: dict[Stream, list[str]] = {}
    for done in completions:
        ended.setdefault(done.stream, []).append(done.item.job)
    verdicts = {stream: _accepted(tx, stream, jobs) for stream, jobs in ended.items()}
    return [verdicts[done.stream] for done in completions]


class _WrongMemoryError(Exception):
    """The statement that compares the leases found another one. The flush is rolled back and with it all that is
    remembered is forgotten: whoever asks again is answered from the rows."""


def _keep_results(tx: Transaction, completions: list[_Completion]) -> None:
    results = [(done.pk, done.item.result) for done in completions if done.item.result is not None]
    insert_rows(tx.connection, "result", ("job_pk", "body"), results)
    references: list[Sequence[Any]] = [
        (done.pk, done.item.result_ref) for done in completions if done.item.result_ref is not None
    ]
    update_rows(tx.connection, "job", ("result_ref",), references)


def _accepted(tx: Transaction, stream: Stream, jobs: list[str]) -> Settled:
    """Ledger and hints; the one verdict of all plain completions of a stream."""
    tx.deltas.move(stream, State.LEASED, State.COMPLETED, len(jobs))
    tx.tell_all(stream, jobs, Phase.COMPLETED)
    queue = tx.catalog.queues[stream[0]].queue
    return Settled(
        verdict=SettleVerdict.ACCEPTED,
        phase=Phase.COMPLETED,
        namespace=queue.namespace,
        queue=queue.name,
        task=tx.catalog.tasks[stream[1]],
    )


def _settle(tx: Transaction, loaded: Loaded | None, item: Settlement, session: SessionState | None) -> Settled:
    if loaded is not None and session is not None and session.namespace != loaded.job.namespace:
        loaded = None
    stands = loaded is not None and loaded.job.lease_id == item.lease  # False: looks for a past that is not there
    fence = fence_settle(
        None if loaded is None else loaded.job,
        lease=item.lease,
        session=item.session,
        principal=item.principal,
        session_principal=None if session is None else session.principal,
        outcome=item.outcome,
        past=None if loaded is None or stands else past_delivery(tx, loaded.pk, item.lease),
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
