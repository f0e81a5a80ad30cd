"""The verb `lease`: ready jobs in rank order across a session's queues and tasks, within every limit.

Streams that the writer's own counts know to be empty are never asked; `offers` reads the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from taskjob.model import Micros, Phase
from taskjob.model.times import SECOND
from taskjob_engine.lifecycle import rate
from taskjob_engine.lifecycle.state import SUSPECT_AFTER, State
from taskjob_engine.lifecycle.transitions import UNSTARTED_SECONDS
from taskjob_engine.policies.queue_change import may_lease
from taskjob_engine.policies.sessions import SessionState, refusal
from taskjob_engine.store import Granted, Leased, LeaseRequest
from taskjob_engine.stores.sqlite import bodies, session_rows
from taskjob_engine.stores.sqlite.bodies import INLINE_PAYLOAD_BYTES
from taskjob_engine.stores.sqlite.catalog import Entry
from taskjob_engine.stores.sqlite.ledger import POSITION, Stream
from taskjob_engine.stores.sqlite.offers import OFFER, Offer, best, offers_in
from taskjob_engine.stores.sqlite.rows import DEFAULT_RETRY, json_text, read_labels, read_retry
from taskjob_engine.stores.sqlite.transaction import Transaction

_UNLIMITED = 2**62

_AGAIN = f"""
SELECT '[' || IFNULL(group_concat(offer), '') || ']' FROM (
    SELECT {OFFER} AS offer FROM job
    WHERE state = 'leased' AND session = ? AND lease_seq = ? ORDER BY rank, id
)
"""  # noqa: S608 - our own names
_GRANT = f"""
UPDATE job SET
    state = 'leased', reason = 'Assigned', lease_id = ?2, session = ?3, worker = ?4, leased_at = ?5, lease_seq = ?6,
    started_at = NULL,
    timeout_at = MIN(?5 + MAX(timeout_seconds, {UNSTARTED_SECONDS}) * 1000000, IFNULL(deadline_at, {_UNLIMITED})),
    deliveries = deliveries + 1, revision = revision + 1
WHERE pk IN (SELECT value FROM json_each(?1))
"""  # noqa: S608 - our own number


def lease(tx: Transaction, items: Sequence[LeaseRequest], *, new_lease: Callable[[], str]) -> list[Leased]:
    tx.flush_rows()
    return [_lease(tx, item, new_lease) for item in items]


def _lease(tx: Transaction, item: LeaseRequest, new_lease: Callable[[], str]) -> Leased:
    session = session_rows.read(tx.connection, [item.ref.session]).get(item.ref.session)
    reason = refusal(session, item.ref, incarnation=tx.incarnation)
    if session is None or reason is not None:
        return Leased(refused=reason)
    if item.seq is not None and session.last_seq is not None and item.seq <= session.last_seq:
        if item.seq < session.last_seq:
            return Leased()
        return Leased(grants=_granted_before(tx, session, item.seq), replayed=True)
    if session.expires_at <= tx.now:
        return Leased()
    queues = _open_queues(tx, session)
    grants = _grant(tx, session, item, queues, new_lease)
    if grants and item.seq is not None:
        session_rows.set_last_seq(tx.connection, session.id, item.seq)
    wait = _rate_wait(tx, session, queues) if len(grants) < item.n else None
    return Leased(grants=grants, retry_after_seconds=wait)


def _grant(
    tx: Transaction,
    session: SessionState,
    item: LeaseRequest,
    queues: Sequence[Entry],
    new_lease: Callable[[], str],
) -> tuple[Granted, ...]:
    room = {entry.id: _room(tx, entry) for entry in queues}
    streams = [stream for stream in _streams_of(tx, session, queues) if room[stream[0]] > 0 and tx.ready(stream) > 0]
    offers = _within_bytes(tx, best(tx, streams, room=room, n=item.n), item.max_bytes)
    if not offers:
        return ()
    lease_id = new_lease()
    tx.connection.execute(
        _GRANT,
        (json_text([offer.pk for offer, _ in offers]), lease_id, session.id, session.worker, tx.now, item.seq),
    )
    granted = [offer for offer, _ in offers]
    _book(tx, granted)
    now = tx.now
    plain = {offer.id: (offer.pk, (offer.queue_id, offer.task_id), now) for offer in granted if offer.is_plain}
    tx.leases.granted(lease_id, session, plain)
    checkpoints = bodies.read(tx.connection, "checkpoint", _delivered_before(granted))
    return tuple(
        _granted(tx, offer, payload, checkpoints.get(offer.pk), lease_id=lease_id, leased_at=tx.now)
        for offer, payload in offers
    )


def _within_bytes(tx: Transaction, offers: list[Offer], most: int) -> list[tuple[Offer, bytes]]:
    """Offers with their payloads as long as payloads and checkpoints fit; the first always does."""
    large = bodies.sizes(tx.connection, "payload", [offer.pk for offer in offers if offer.payload is None])
    checkpoints = bodies.sizes(tx.connection, "checkpoint", _delivered_before(offers))
    if not large and not checkpoints and len(offers) * INLINE_PAYLOAD_BYTES <= most:
        return [(offer, (offer.payload or "").encode()) for offer in offers]
    fitting: list[tuple[Offer, bytes]] = []
    size = 0
    for offer in offers:
        payload = b"" if offer.payload is None else offer.payload.encode()
        size += large.get(offer.pk, len(payload)) + checkpoints.get(offer.pk, 0)
        if fitting and size > most:
            break
        fitting.append((offer, payload))
    if not large:
        return fitting
    read = bodies.read(tx.connection, "payload", [offer.pk for offer, _ in fitting if offer.payload is None])
    return [(offer, read.get(offer.pk, payload)) for offer, payload in fitting]


def _delivered_before(offers: Sequence[Offer]) -> list[int]:
    """Those that may have left a checkpoint."""
    return [offer.pk for offer in offers if offer.special is not None and offer.special.deliveries]


def _book(tx: Transaction, offers: list[Offer]) -> None:
    """Ledger, rate cells, dirty rows and hints of fresh grants."""
    granted: dict[Stream, list[str]] = {}
    for offer in offers:
        granted.setdefault((offer.queue_id, offer.task_id), []).append(offer.id)
        if offer.special is not None and offer.special.owner is not None:
            tx.mark_dirty(offer.id, offer.special.owner)
    for stream, ids in granted.items():
        count = len(ids)
        tx.deltas.move(stream, State.READY, State.LEASED, count)
        tx.tell_all(stream, ids, Phase.ASSIGNED)
        entry = tx.catalog.queues[stream[0]]
        limit = entry.queue.limits.rate_per_second
        if limit is not None:
            tx.catalog.set_rate_cell(entry.id, rate.charged(entry.rate_cell, count, rate=limit, now=tx.now))


def _granted_before(tx: Transaction, session: SessionState, seq: int) -> tuple[Granted, ...]:
    offers = offers_in(tx.connection.execute(_AGAIN, (session.id, seq)).fetchone()[0])
    if not offers:
        return ()
    pks = [offer.pk for offer in offers]
    leases = {row[0]: row[1:] for row in tx.select(_LEASES, (json_text(pks),))}
    payloads = bodies.read(tx.connection, "payload", pks)
    checkpoints = bodies.read(tx.connection, "checkpoint", pks)
    again = []
    for offer in offers:
        payload = payloads[offer.pk] if offer.payload is None else offer.payload.encode()
        lease_id, leased_at = leases[offer.pk]
        more = msgspec.structs.replace(offer.more, deliveries=offer.more.deliveries - 1)
        before = msgspec.structs.replace(offer, special=more)
        again.append(_granted(tx, before, payload, checkpoints.get(offer.pk), lease_id=lease_id, leased_at=leased_at))
    return tuple(again)


_LEASES = "SELECT pk, lease_id, leased_at FROM job WHERE pk IN (SELECT value FROM json_each(?))"


def _granted(
    tx: Transaction, offer: Offer, payload: bytes, checkpoint: bytes | None, *, lease_id: str, leased_at: Micros
) -> Granted:
    """`offer` as the job was before its grant."""
    queue = tx.catalog.queues[offer.queue_id].queue
    timeout = float(offer.timeout_seconds)
    waited = (leased_at - (offer.ready_at or tx.now)) / SECOND
    if offer.special is None:
        return Granted(
            job=offer.id,
            lease=lease_id,
            namespace=queue.namespace,
            queue=queue.name,
            task=tx.catalog.tasks[offer.task_id],
            payload=payload,
            run=0,
            delivery=1,
            attempt=1,
            max_attempts=DEFAULT_RETRY.max_attempts,
            timeout_seconds=timeout,
            waited_seconds=waited,
        )
    more = offer.special
    if more.deadline_at is not None:
        timeout = min(timeout, max(0, more.deadline_at - tx.now) / SECOND)
    return Granted(
        job=offer.id,
        lease=lease_id,
        namespace=queue.namespace,
        queue=queue.name,
        task=tx.catalog.tasks[offer.task_id],
        payload=payload,
        run=more.run,
        delivery=more.deliveries + 1,
        attempt=more.attempts + 1,
        max_attempts=read_retry(more.retry).max_attempts,
        timeout_seconds=timeout,
        checkpoint=checkpoint,
        labels=read_labels(more.labels),
        suspect=more.lost >= SUSPECT_AFTER,
        waited_seconds=waited,
    )


def _open_queues(tx: Transaction, session: SessionState) -> list[Entry]:
    found = (tx.catalog.find_queue(session.namespace, name) for name in dict.fromkeys(session.queues))
    return [entry for entry in found if entry and entry.declared and may_lease(entry.queue, now=tx.now)]


def _streams_of(tx: Transaction, session: SessionState, queues: Sequence[Entry]) -> list[Stream]:
    tasks = [number for name in dict.fromkeys(session.tasks) if (number := tx.catalog.find_task(name)) is not None]
    return [(entry.id, task) for entry in queues for task in tasks]


def _room(tx: Transaction, entry: Entry) -> int:
    """How many more jobs of the queue may be leased now."""
    free = _free(tx, entry)
    limit = entry.queue.limits.rate_per_second
    return free if limit is None else min(free, rate.room(entry.rate_cell, rate=limit, now=tx.now))


def _free(tx: Transaction, entry: Entry) -> int:
    most = entry.queue.limits.max_concurrency
    return _UNLIMITED if most is None else most - tx.gauge(entry.id, POSITION[State.LEASED])


def _rate_wait(tx: Transaction, session: SessionState, queues: Sequence[Entry]) -> float | None:
    """The shortest wait of those queues that only their rate holds back."""
    waits = []
    busy = {stream[0] for stream in _streams_of(tx, session, queues) if tx.ready(stream) > 0}
    for entry in queues:
        limit = entry.queue.limits.rate_per_second
        if limit is not None and entry.id in busy and _free(tx, entry) > 0:
            current = tx.catalog.queues[entry.id].rate_cell
            waits.append(rate.retry_after_seconds(current, rate=limit, now=tx.now))
    return min((wait for wait in waits if wait > 0), default=None)
