"""The parts of an operator that serve TaskJobs, put together in a test's own process."""

from __future__ import annotations

from typing import Any

from operator_jobs import CLUSTER
from running_parts import SteadyClock

from taskjob_operator.kube.client import KubeClient
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
from taskjob_operator.record import Record
from taskjob_operator.status.order import Incarnations
from taskjob_operator.writing.pace import Pace
from taskjob_operator.writing.receipts import Receipts
from taskjob_operator.writing.writer import Writer


class Parts:
    """None of them runs yet. `door` is an api, or whatever answers like one."""

    def __init__(self, kube: KubeClient, door: Any, *, memory_for_specs: int = 1_000_000) -> None:
        self.clock = SteadyClock()
        self.index, self.queue, self.specs = Index(), WorkQueue(), Specs(memory_for_specs)
        self.incarnations, self.receipts = Incarnations(), Receipts()
        self.predecessors = Predecessors(on_release=lambda _: None, clock=self.clock)
        self.gone: list[Record] = []
        metrics = Metrics()
        self.writer = Writer(
            kube,
            Pace(1e6),
            metrics,
            on_gone=self.gone.append,
            on_read=lambda _: None,
            on_write=lambda *_: None,
        )
        self.stoppages = Stoppages(clock=self.clock)
        self.showing = Showing(self.writer, kube, self.stoppages)
        self.departures = Departures(
            door=door,
            kube=kube,
            index=self.index,
            queue=self.queue,
            predecessors=self.predecessors,
            writer=self.writer,
            metrics=metrics,
            cluster_id=CLUSTER,
            on_unknown=lambda: None,
        )
        self.intake = Intake(
            index=self.index,
            queue=self.queue,
            specs=self.specs,
            departures=self.departures,
            metrics=metrics,
            on_event=lambda _: None,
            on_list=lambda: None,
            on_seen=lambda _: None,
            is_echo=self.writer.writes,
        )
        self.ensuring = Ensuring(
            door=door,
            kube=kube,
            index=self.index,
            queue=self.queue,
            specs=self.specs,
            predecessors=self.predecessors,
            departures=self.departures,
            showing=self.showing,
            incarnations=self.incarnations,
            metrics=metrics,
        )
        self.changes = Changes(
            door=door,
            index=self.index,
            queue=self.queue,
            predecessors=self.predecessors,
            showing=self.showing,
            incarnations=self.incarnations,
            receipts=self.receipts,
            cluster_id=CLUSTER,
            on_pruned=lambda _, receipt: receipt.done(),
        )
