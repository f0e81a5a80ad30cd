"""TaskJobs that wait are told what stops their queue, and told again when nothing does.

Most are told in passing, with the write that says Queued. What is left are those that waited before the trouble came,
or still wait after it: they are written once more, at most `MOST_TOLD` of a queue, the oldest first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable

from taskjob_operator.kube.errors import KubeError
from taskjob_operator.queues.agenda import Key
from taskjob_operator.queues.stoppages import Stoppages
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.showing import Showing
from taskjob_operator.record import Record
from taskjob_operator.status.queued import QUEUED, reason_of

logger = logging.getLogger(__name__)
ROUND_SECONDS = 5.0
MOST_TOLD = 500
"""TaskJobs of one queue that are written for its trouble alone. The others say where to look."""


class Telling:
    def __init__(self, *, index: Index, showing: Showing, stoppages: Stoppages) -> None:
        self._index = index
        self._showing = showing
        self._stoppages = stoppages

    async def run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            for record in due(self._index, self._stoppages):
                try:
                    await self._showing.queued(record)
                except KubeError as error:
                    logger.warning("TaskJobs cannot be told what stops their queue: %s; trying again", error)
                    break


def due(records: Iterable[Record], stoppages: Stoppages) -> list[Record]:
    """Those whose status says something else than their queue, within the bound; nobody keeps what is over."""
    told: dict[Key, int] = defaultdict(int)
    other: list[Record] = []
    for record in records:
        if record.written.phase != QUEUED or record.gone or record.refused is not None:
            continue
        if not stoppages.knows(record.namespace, record.queue):
            continue
        stoppage = stoppages.of(record.namespace, record.queue)
        if record.written.reason != reason_of(stoppage):
            other.append(record)
        elif stoppage is not None:
            told[record.namespace, record.queue] += 1
    found: list[Record] = []
    for record in sorted(other, key=lambda one: one.created):
        key = (record.namespace, record.queue)
        if stoppages.of(*key) is None or told[key] < MOST_TOLD:
            told[key] += 1
            found.append(record)
    return found
