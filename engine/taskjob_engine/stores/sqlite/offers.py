"""What may be granted to a session next: the ready index read in rank order, across (queue, task) streams.

With one stream its jobs are read at once. With many, only the heads of each are compared, from the index alone, and
the chosen ones are read: the cost follows what is granted, not streams times grants.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from taskjob.model import Micros
from taskjob_engine.stores.sqlite.ledger import Stream
from taskjob_engine.stores.sqlite.rows import json_text
from taskjob_engine.stores.sqlite.transaction import Transaction

FEWEST_HEADS = 16

OFFER = """json_array(
    job.id, job.pk, job.queue_id, job.task_id, job.payload, job.timeout_seconds, job.ready_at,
    json(CASE WHEN job.deliveries = 0 AND job.run = 0 AND job.retry IS NULL AND job.deadline_at IS NULL
        AND job.labels IS NULL AND job.owner IS NULL AND job.concurrency_key IS NULL THEN NULL
    ELSE json_array(
        job.run, job.deliveries, job.attempts, job.lost, job.retry, job.deadline_at, job.labels, job.owner,
        job.concurrency_key
    ) END)
)"""
"""What few jobs have is told only of those: most of the cost of a grant's read is making and reading this text."""

_STREAM = f"""
SELECT '[' || IFNULL(group_concat(offer), '') || ']' FROM (
    SELECT {OFFER} AS offer FROM job
    WHERE state = 'ready' AND queue_id = ? AND task_id = ? AND (deadline_at IS NULL OR deadline_at > ?)
    ORDER BY rank, id LIMIT ?
)
"""  # noqa: S608 - our own names
_HEADS = """
SELECT json_group_array(json((
    SELECT json_group_array(json(head)) FROM (
        SELECT json_array(rank, id, pk, queue_id) AS head FROM job
        WHERE state = 'ready' AND queue_id = stream.value ->> 0 AND task_id = stream.value ->> 1
            AND (deadline_at IS NULL OR deadline_at > ?2)
        ORDER BY rank, id LIMIT ?3
    )
)))
FROM json_each(?1) AS stream
"""
_CHOSEN = f"""
SELECT json_group_array({OFFER}) FROM json_each(?) AS chosen CROSS JOIN job ON job.pk = chosen.value
"""  # noqa: S608 - our own names

Head = tuple[int, str, int, int]
"""(rank, id, pk, queue number)"""


class Special(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What few jobs have."""

    run: int = 0
    deliveries: int = 0
    attempts: int = 0
    lost: int = 0
    retry: str | None = None
    deadline_at: Micros | None = None
    labels: str | None = None
    owner: str | None = None
    concurrency_key: str | None = None


_NOTHING_SPECIAL = Special()


class Offer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A job that may be granted, as it is before. `special` is None for one that has never been granted and asks
    for nothing of its own."""

    id: str
    pk: int
    queue_id: int
    task_id: int
    payload: str | None
    timeout_seconds: int
    ready_at: Micros | None
    special: Special | None = None

    @property
    def more(self) -> Special:
        return self.special or _NOTHING_SPECIAL

    @property
    def is_plain(self) -> bool:
        """Nothing has to be minded when it completes."""
        special = self.special
        return special is None or (special.owner is None and special.concurrency_key is None)


offers_in = msgspec.json.Decoder(list[Offer]).decode
_heads_in = msgspec.json.Decoder(list[list[Head]]).decode


def best(tx: Transaction, streams: Sequence[Stream], *, room: dict[int, int], n: int) -> list[Offer]:
    """The first `n` in the order of (rank, id), of each queue at most as many as it has room for. Jobs past their
    deadline are left for `expire`."""
    if not streams or n <= 0:
        return []
    most = min(n, max(room[stream[0]] for stream in streams))
    if len(streams) == 1:
        values = (*streams[0], tx.now, most)
        return offers_in(tx.connection.execute(_STREAM, values).fetchone()[0])
    pks = [head[2] for head in _best_heads(tx, streams, room=room, n=n, most=most)]
    return offers_in(tx.connection.execute(_CHOSEN, (json_text(pks),)).fetchone()[0]) if pks else []


def _best_heads(tx: Transaction, streams: Sequence[Stream], *, room: dict[int, int], n: int, most: int) -> list[Head]:
    # A fair share of each stream is nearly always enough; where one holds more of the best, all are read again.
    few = min(most, max(FEWEST_HEADS, 2 * most // len(streams)))
    heads = _within_room(_heads(tx, streams, few, most), room, n)
    if few == most or len(heads) == n:
        return heads
    return _within_room(_heads(tx, streams, most, most), room, n)


def _heads(tx: Transaction, streams: Sequence[Stream], limit: int, most: int) -> list[Head]:
    """Heads in order, up to the point behind which an unread one might have come first."""
    found = _heads_in(tx.connection.execute(_HEADS, (json_text(streams), tx.now, limit)).fetchone()[0])
    merged = sorted(head for stream in found for head in stream)
    cut = [stream[-1] for stream in found if len(stream) == limit] if limit < most else []
    if not cut:
        return merged
    last = min(cut)
    return [head for head in merged if head <= last]


def _within_room(heads: Sequence[Head], room: dict[int, int], n: int) -> list[Head]:
    left = dict(room)
    taken: list[Head] = []
    for head in heads:
        if len(taken) == n:
            break
        if left[head[3]] > 0:
            left[head[3]] -= 1
            taken.append(head)
    return taken
