"""TaskJobs that went away: made certain by a GET (an event is a hint, a list may be old), then their job is disowned,
passed to a TaskJob that mirrors it where there is one, else cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from taskjob.model import Owner
from taskjob.wire.operator_messages import MAX_ITEMS, DisownedJob
from taskjob_operator.door import Door, DoorError
from taskjob_operator.kube.backoff import Backoff, patiently
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.metrics import Metrics
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.predecessors import Predecessors
from taskjob_operator.reconcile.queue import WorkQueue
from taskjob_operator.record import Record
from taskjob_operator.writing.writer import Writer

logger = logging.getLogger(__name__)
CHECKS_AT_ONCE = 8
ASK_AGAIN_SECONDS = 5.0
"""A predecessor that has not ended is asked after so long: the news of its end may have been lost."""


class Departures:
    """`on_unknown` is called where only a sweep can tell: a job may exist that nobody knows the id of, or an object be
    gone of which the API server does not speak."""

    def __init__(
        self,
        *,
        door: Door,
        kube: KubeClient,
        index: Index,
        queue: WorkQueue,
        predecessors: Predecessors,
        writer: Writer,
        metrics: Metrics,
        cluster_id: str,
        on_unknown: Callable[[], None],
    ) -> None:
        self._door = door
        self._kube = kube
        self._index = index
        self._queue = queue
        self._predecessors = predecessors
        self._writer = writer
        self._metrics = metrics
        self.cluster_id = cluster_id
        self._on_unknown = on_unknown
        self._suspects: asyncio.Queue[Record] = asyncio.Queue()
        self._suspected: set[str] = set()
        self._leaving: dict[tuple[str, str], DisownedJob] = {}
        self._wake = asyncio.Event()

    def suspect(self, record: Record) -> None:
        """It seems to be gone: look."""
        if record.uid not in self._suspected and not record.gone:
            self._suspected.add(record.uid)
            self._suspects.put_nowait(record)

    def left(self, record: Record) -> None:
        """It is gone, or being deleted, for certain. While the api is being told of it, its job's id may not be known
        yet; who told it calls again."""
        if self._queue.working_on(record.uid):
            return
        if record.job is not None and (record.gone or not record.disowned):
            record.disowned = True
            self.disown(self.owner_of(record), record.job, keep=not record.gone)
        elif record.job is None and record.asked:
            self._on_unknown()
        if record.gone:
            self._queue.forget(record.uid)
            self._writer.forget(record)
            self._index.remove(record)

    def disown(self, owner: Owner, job: str, *, keep: bool = False) -> None:
        """The object `owner` is gone for certain; `keep`: it still answers to its name."""
        heir = self._heir(owner, job)
        if heir is None and not keep:
            self._predecessors.add(owner, job)
        self._leaving[owner.uid, job] = DisownedJob(owner=owner, job=job, heir=heir)
        self._wake.set()

    def owner_of(self, record: Record) -> Owner:
        return Owner(cluster_id=self.cluster_id, namespace=record.namespace, name=record.name, uid=record.uid)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(CHECKS_AT_ONCE):
                group.create_task(self._check_suspects())
            group.create_task(self._disown_leaving())
            group.create_task(self._ask_again())

    async def is_gone(self, namespace: str, name: str, uid: str) -> bool:
        """Whether the object with that uid is gone for certain. Raises `KubeError` where TaskJobs are not served: then
        nobody can say."""

        async def look() -> bool:
            try:
                raw = await self._kube.get(TASKJOBS.path(namespace, name))
            except KubeError as error:
                if error.says_missing(name):
                    return True
                raise
            return bool(msgspec.json.decode(raw)["metadata"]["uid"] != uid)

        return await patiently(f"reading {namespace}/{name}", look)

    async def _check_suspects(self) -> None:
        while True:
            record = await self._suspects.get()
            try:
                gone = await self.is_gone(record.namespace, record.name, record.uid)
            except KubeError as error:
                # The definition was removed: so many at once are for the sweep and its brake.
                logger.warning("%s/%s may be gone: %s", record.namespace, record.name, error)
                gone = False
                self._on_unknown()
            self._suspected.discard(record.uid)
            if gone and not record.gone:
                record.gone = True
                self.left(record)

    async def _disown_leaving(self) -> None:
        backoff = Backoff(most=10.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._leaving:
                batch = list(self._leaving.items())[:MAX_ITEMS]
                try:
                    answer = await self._door.disown([item for _, item in batch])
                except DoorError as error:
                    if error.transient:
                        await asyncio.sleep(max(backoff.next(), error.retry_after or 0.0))
                        continue
                    logger.error("jobs cannot be disowned: %s; the sweep will find them", error)  # noqa: TRY400
                    outcomes: tuple[str, ...] = ("refused",) * len(batch)
                else:
                    outcomes = answer.outcomes
                backoff.reset()
                for (key, item), outcome in zip(batch, outcomes, strict=True):
                    if self._leaving.get(key) is item:
                        del self._leaving[key]
                    self._disowned(item, outcome)

    def _disowned(self, item: DisownedJob, outcome: str) -> None:
        self._metrics.disowned.labels(outcome).inc()
        if outcome == "inherited" and item.heir is not None:
            self._queue.add(item.heir.uid)
        if outcome != "cancelled":
            self._predecessors.ended(item.job)

    async def _ask_again(self) -> None:
        while True:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            for owner, job in self._predecessors.older_than(ASK_AGAIN_SECONDS):
                if self._index.named(owner.namespace, owner.name) is not None:
                    self._leaving.setdefault((owner.uid, job), DisownedJob(owner=owner, job=job))
                    self._wake.set()

    def _heir(self, owner: Owner, job: str) -> Owner | None:
        """The oldest other TaskJob that shows the job."""
        heirs = [one for one in self._index.of_job(job) if one.uid != owner.uid and not one.gone and not one.deleting]
        return None if not heirs else self.owner_of(min(heirs, key=lambda one: (one.created, one.uid)))
