"""News of jobs from the api's dirty set, shown on their TaskJobs.

A row is acknowledged when its status is written or moot. One exception keeps the long poll long: a job that has not
finished, of TaskJobs that do not say they had, is acknowledged on receipt. Should the status never be written, the
next leader tells the api of every unfinished TaskJob anyway and gets the job as it is then. Outcomes always wait for
their write.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from taskjob.wire.operator_messages import MAX_ITEMS, ChangedJob, ReadChanges
from taskjob_operator.door import Door, DoorError
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.predecessors import Predecessors
from taskjob_operator.reconcile.queue import WorkQueue
from taskjob_operator.reconcile.showing import Showing
from taskjob_operator.record import Record
from taskjob_operator.status.order import Incarnations
from taskjob_operator.writing.receipts import Receipt, Receipts

logger = logging.getLogger(__name__)
LONG_SECONDS = 20.0
LEAST_SECONDS, MOST_SECONDS = 0.02, 0.5
"""How soon to look again for other news while rows wait for their write: they are told again each time, so the more of
them there are, the later."""


class Changes:
    """`on_pruned` takes a finished TaskJob whose job the engine has dropped, and the receipt to be done with it."""

    def __init__(
        self,
        *,
        door: Door,
        index: Index,
        queue: WorkQueue,
        predecessors: Predecessors,
        showing: Showing,
        incarnations: Incarnations,
        receipts: Receipts,
        cluster_id: str,
        on_pruned: Callable[[Record, Receipt], None],
    ) -> None:
        self._door = door
        self._index = index
        self._queue = queue
        self._predecessors = predecessors
        self._showing = showing
        self._incarnations = incarnations
        self._receipts = receipts
        self._cluster_id = cluster_id
        self._on_pruned = on_pruned

    async def run(self) -> None:
        backoff = Backoff(most=10.0)
        while True:
            if held := self._receipts.held:
                await asyncio.sleep(min(LEAST_SECONDS + held / 1000, MOST_SECONDS))
            acknowledged = self._receipts.take(MAX_ITEMS)
            asked_at = time.monotonic()
            try:
                reply = await self._door.changes(
                    ReadChanges(
                        cluster_id=self._cluster_id,
                        ack=acknowledged,
                        wait_seconds=0.0 if self._receipts.held else LONG_SECONDS,
                    )
                )
            except DoorError as error:
                self._receipts.give_back(acknowledged)
                if backoff.tries == 0:
                    logger.warning("changes cannot be read: %s; trying again", error)
                await asyncio.sleep(max(backoff.next(), error.retry_after or 0.0))
                continue
            backoff.reset()
            self._learn(reply.incarnation, asked_at)
            if reply.incarnation == self._incarnations.current:
                for change in reply.changes:
                    if not self._receipts.knows(change.job_id, change.version):
                        self._take(change, reply.incarnation)

    def _learn(self, incarnation: str, asked_at: float) -> None:
        """A new life of the store: what lives here is told to it again."""
        before = self._incarnations.current
        admitted = self._incarnations.admit(incarnation, asked_at=asked_at, now=time.monotonic())
        if admitted and before not in {None, incarnation}:
            logger.warning("the store has a new incarnation: all unfinished TaskJobs are told to the api again")
            for record in self._index:
                if not record.written.final:
                    self._queue.add(record.uid)

    def _take(self, change: ChangedJob, incarnation: str) -> None:
        receipt = self._receipts.open(change.job_id, change.version)
        records = self._index.of_job(change.job_id)
        if not records and (owner := self._index.get(change.owner.uid)) is not None:
            self._index.link(owner, change.job_id)
            records = (owner,)
        if change.job is None:
            self._pruned(change, records, receipt)
        else:
            if change.job.phase.is_terminal:
                self._predecessors.ended(change.job_id)
            recoverable = not change.job.phase.is_terminal and not any(one.written.final for one in records)
            for record in records:
                record.incarnation = incarnation
                record.mirrored = record.uid != change.owner.uid
                if change.job.phase.is_terminal and record.rerun > change.job.run:
                    self._queue.add(record.uid)  # asked for while this run was going on
                self._showing.job(record, change.job, incarnation, None if recoverable else receipt.hold())
        receipt.done()

    def _pruned(self, change: ChangedJob, records: tuple[Record, ...], receipt: Receipt) -> None:
        self._predecessors.ended(change.job_id)
        for record in records:
            if record.written.final:
                self._on_pruned(record, receipt.hold())
            else:
                self._queue.add(record.uid)
