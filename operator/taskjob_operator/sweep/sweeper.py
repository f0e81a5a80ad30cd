"""The orphan sweep: live jobs of this cluster whose TaskJob is absent from two complete lists and from a GET.

The jobs are read before the lists, so that each list began after every one of them was made. When they are too many
at once it stops, reports them, and goes on only when a person has confirmed that report (`taskjob orphans confirm`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence

from taskjob.wire.operator_messages import MAX_ITEMS, OwnedJob, ReportOrphans
from taskjob_operator.door import Door, DoorError
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.metrics import Metrics
from taskjob_operator.reconcile.departures import Departures
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.owned import read_owned
from taskjob_operator.reconcile.predecessors import Predecessors
from taskjob_operator.sweep.brake import Brake
from taskjob_operator.sweep.listing import list_uids
from taskjob_operator.sweep.orphans import absent, braked

logger = logging.getLogger(__name__)
ASK_SECONDS = 2.0
"""How often a report is looked at for a confirmation."""

LOOK_SECONDS = 0.1
SOON_SECONDS = 1.0
"""Reasons for a sweep that come together make one."""


class Sweeper:
    """`caught_up` is set when every TaskJob of a complete list is known."""

    def __init__(
        self,
        *,
        door: Door,
        kube: KubeClient,
        index: Index,
        departures: Departures,
        predecessors: Predecessors,
        metrics: Metrics,
        brake: Brake,
        namespaces: Sequence[str],
        every_seconds: float,
        confirm_seconds: float,
    ) -> None:
        self._door = door
        self._kube = kube
        self._index = index
        self._departures = departures
        self._predecessors = predecessors
        self._metrics = metrics
        self._brake = brake
        self._namespaces = namespaces
        self._every_seconds = every_seconds
        self._confirm_seconds = confirm_seconds
        self._soon = asyncio.Event()
        self._reported = True
        """A report of an earlier process may stand."""
        self.caught_up = asyncio.Event()

    def soon(self) -> None:
        """Something may have been missed."""
        self._soon.set()

    async def run(self) -> None:
        backoff = Backoff(first=1.0, most=60.0)
        while True:
            try:
                if not self.caught_up.is_set():
                    await self._catch_up()
                result = await self._sweep()
            except (KubeError, DoorError) as error:
                self._metrics.sweeps.labels("failed").inc()
                if backoff.tries == 0:
                    logger.warning("the sweep: %s; trying again", error)
                await asyncio.sleep(backoff.next())
                continue
            backoff.reset()
            self._metrics.sweeps.labels(result).inc()
            await self._until_next()

    async def _catch_up(self) -> None:
        """Wait until the watch has shown all that a list has."""
        missing = await list_uids(self._kube, self._namespaces)
        while missing := {uid for uid in missing if self._index.get(uid) is None}:
            for _ in range(100):
                await asyncio.sleep(LOOK_SECONDS)
                if all(self._index.get(uid) is not None for uid in missing):
                    break
            else:
                missing &= await list_uids(self._kube, self._namespaces)
        self._soon.clear()  # that was the list which the first watch began with
        self.caught_up.set()
        logger.info("all %d TaskJobs are known", len(self._index))

    async def _sweep(self) -> str:
        known = [record.uid for record in self._index]
        owned = await read_owned(self._door, self._departures.cluster_id)
        present = await list_uids(self._kube, self._namespaces)
        self._forget_finished(known, present)
        orphans = self._served(absent(owned, present))
        if orphans:
            await asyncio.sleep(self._confirm_seconds)
            orphans = absent(orphans, await list_uids(self._kube, self._namespaces))
        if braked(len(orphans), len(owned)):
            if not await self._confirmed(orphans):
                return "braked"
            orphans = absent(orphans, await list_uids(self._kube, self._namespaces))
        await self._give_up(orphans)
        await self._clear_report()
        self._predecessors.swept()
        return "cancelled" if orphans else "clean"

    def _served(self, orphans: list[OwnedJob]) -> list[OwnedJob]:
        """Where only some namespaces are served, nothing is known of the others."""
        return [one for one in orphans if not self._namespaces or one.owner.namespace in self._namespaces]

    def _forget_finished(self, known: Sequence[str], present: set[str]) -> None:
        """Objects that went away unseen and have nothing that runs."""
        for uid in known:
            record = self._index.get(uid)
            if record is not None and uid not in present and record.written.final:
                self._departures.suspect(record)

    async def _confirmed(self, orphans: list[OwnedJob]) -> bool:
        """Report them and wait for a person, until the next sweep looks anew."""
        logger.error(
            "%d jobs have lost their TaskJob at once; none is cancelled until `taskjob orphans confirm`", len(orphans)
        )
        self._metrics.orphans.set(len(orphans))
        self._brake.holds(Counter(one.owner.namespace for one in orphans))
        self._reported = True
        report = ReportOrphans(
            cluster_id=self._departures.cluster_id,
            total=len(orphans),
            jobs=tuple(orphans[:MAX_ITEMS]),
            namespaces=tuple(sorted({one.owner.namespace for one in orphans})[:MAX_ITEMS]),
        )
        for _ in range(max(round(self._every_seconds / ASK_SECONDS), 1)):
            if (await self._door.report_orphans(report)).confirmed:
                logger.warning("confirmed: %d jobs without a TaskJob are cancelled", len(orphans))
                return True
            await asyncio.sleep(ASK_SECONDS)
        return False

    async def _give_up(self, orphans: Sequence[OwnedJob]) -> None:
        """A last look at each, some at a time. Raises `KubeError` where nobody could say of one."""
        left = iter(orphans)
        untold: list[KubeError] = []

        async def look() -> None:
            for one in left:
                owner = one.owner
                try:
                    gone = await self._departures.is_gone(owner.namespace, owner.name, owner.uid)
                except KubeError as error:  # not out of the group, which would make another kind of error of it
                    untold.append(error)
                    continue
                if not gone:
                    continue
                record = self._index.get(owner.uid)
                if record is None:
                    self._departures.disown(owner, one.job)
                else:
                    self._index.link(record, one.job)
                    record.gone = True
                    self._departures.left(record)

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(look())
        if untold:
            raise untold[0]

    async def _clear_report(self) -> None:
        if self._reported:
            await self._door.report_orphans(ReportOrphans(cluster_id=self._departures.cluster_id, total=0))
            self._reported = False
            self._metrics.orphans.set(0)
            self._brake.holds({})

    async def _until_next(self) -> None:
        try:
            await asyncio.wait_for(self._soon.wait(), self._every_seconds)
            await asyncio.sleep(SOON_SECONDS)
        except TimeoutError:
            pass
        self._soon.clear()
