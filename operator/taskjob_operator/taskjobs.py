"""Everything that serves TaskJobs, put together: one per term of leadership."""

from __future__ import annotations

import asyncio
from typing import Any

from taskjob_operator.door import Door
from taskjob_operator.events.poster import Poster
from taskjob_operator.events.taskjobs import event_of
from taskjob_operator.handlers.watchdog import Watchdog
from taskjob_operator.handlers.watching import Source
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.resources import TASKJOBS
from taskjob_operator.metrics import Metrics
from taskjob_operator.queues.stoppages import Stoppages
from taskjob_operator.reconcile.changes import Changes
from taskjob_operator.reconcile.departures import Departures
from taskjob_operator.reconcile.ensuring import Ensuring
from taskjob_operator.reconcile.index import Index
from taskjob_operator.reconcile.intake import Intake
from taskjob_operator.reconcile.predecessors import Predecessors
from taskjob_operator.reconcile.queue import WorkQueue
from taskjob_operator.reconcile.showing import Showing
from taskjob_operator.reconcile.specs import Specs
from taskjob_operator.reconcile.telling import Telling
from taskjob_operator.record import Record, Standing
from taskjob_operator.settings import OperatorSettings
from taskjob_operator.status.document import TaskJobStatus
from taskjob_operator.status.order import Incarnations
from taskjob_operator.sweep.brake import Brake
from taskjob_operator.sweep.retirement import Retirement
from taskjob_operator.sweep.sweeper import Sweeper
from taskjob_operator.writing.pace import Pace
from taskjob_operator.writing.receipts import Receipts
from taskjob_operator.writing.writer import Writer

FLUSH_SECONDS = 3.0
"""How long a stop waits for statuses whose time has come."""


class TaskJobs:
    """Create it inside the event loop. `source` is what the watch has to feed."""

    def __init__(
        self,
        *,
        settings: OperatorSettings,
        cluster_id: str,
        kube: KubeClient,
        door: Door,
        metrics: Metrics,
        watchdog: Watchdog,
        stoppages: Stoppages,
        brake: Brake,
        poster: Poster,
    ) -> None:
        index, queue, specs = Index(), WorkQueue(), Specs(settings.memory_for_specs)
        incarnations, receipts = Incarnations(), Receipts()
        self._metrics = metrics
        self._watchdog, self._poster = watchdog, poster
        self._index, self._queue = index, queue
        predecessors = Predecessors(on_release=self._release)
        self._writer = Writer(
            kube,
            Pace(settings.status_writes_per_second),
            metrics,
            on_gone=self._suspect,
            on_read=self._read,
            on_write=self._wrote,
        )
        showing = Showing(self._writer, kube, stoppages)
        self._telling = Telling(index=index, showing=showing, stoppages=stoppages)
        self._departures = Departures(
            door=door,
            kube=kube,
            index=index,
            queue=queue,
            predecessors=predecessors,
            writer=self._writer,
            metrics=metrics,
            cluster_id=cluster_id,
            on_unknown=self._sweep_soon,
        )
        self._sweeper = Sweeper(
            door=door,
            kube=kube,
            index=index,
            departures=self._departures,
            predecessors=predecessors,
            metrics=metrics,
            brake=brake,
            namespaces=settings.watch_namespaces,
            every_seconds=settings.sweep_seconds,
            confirm_seconds=settings.sweep_confirm_seconds,
        )
        self._retirement = Retirement(kube, index, metrics, on_gone=self._suspect)
        self._intake = Intake(
            index=index,
            queue=queue,
            specs=specs,
            departures=self._departures,
            metrics=metrics,
            on_event=watchdog.saw_event,
            on_list=self._sweep_soon,
            on_seen=self._retirement.consider,
            is_echo=self._writer.writes,
        )
        self._ensuring = Ensuring(
            door=door,
            kube=kube,
            index=index,
            queue=queue,
            specs=specs,
            predecessors=predecessors,
            departures=self._departures,
            showing=showing,
            incarnations=incarnations,
            metrics=metrics,
        )
        self._changes = Changes(
            door=door,
            index=index,
            queue=queue,
            predecessors=predecessors,
            showing=showing,
            incarnations=incarnations,
            receipts=receipts,
            cluster_id=cluster_id,
            on_pruned=self._retirement.pruned,
        )
        self.source = Source(TASKJOBS, self._intake.observe)

    @property
    def caught_up(self) -> bool:
        return self._sweeper.caught_up.is_set()

    def watch_began_anew(self) -> None:
        """Events may have been missed."""
        self._metrics.watch_restarts.inc()
        self._sweeper.soon()

    def refresh(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.objects.set(len(self._index))
        self._metrics.queue.set(len(self._queue))
        self._metrics.pending_writes.set(len(self._writer))

    async def run(self) -> None:
        """Serve until cancelled; then write what is due, and return."""
        writing = asyncio.create_task(self._writer.run(), name="writer")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_failing_with(writing))
                group.create_task(self._departures.run())
                group.create_task(self._ensuring.run())
                group.create_task(self._retirement.run())
                group.create_task(self._sweeper.run())
                group.create_task(self._telling.run())
                group.create_task(self._read_changes())
        finally:
            await self._writer.flush(FLUSH_SECONDS)
            writing.cancel()
            await asyncio.wait({writing})

    async def _read_changes(self) -> None:
        """Not before all TaskJobs are known: news of an unknown one is news of a deleted one."""
        await self._sweeper.caught_up.wait()
        await self._changes.run()

    def _suspect(self, record: Record) -> None:
        self._departures.suspect(record)

    def _wrote(self, record: Record, before: Standing, said: TaskJobStatus) -> None:
        self._watchdog.wrote(record.namespace)
        if (event := event_of(record, before, said)) is not None:
            self._poster.tell(event)

    def _read(self, raw: dict[str, Any]) -> None:
        self._intake.read(raw)

    def _sweep_soon(self) -> None:
        self._sweeper.soon()

    def _release(self, name: tuple[str, str]) -> None:
        if (record := self._index.named(*name)) is not None:
            self._queue.add(record.uid)


async def _failing_with(task: asyncio.Task[None]) -> None:
    await asyncio.shield(task)
