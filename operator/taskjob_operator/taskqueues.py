"""Everything that serves TaskQueues, put together: one per term of leadership."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Collection, Mapping
from typing import Any

from taskjob_operator.door import Door, DoorError
from taskjob_operator.events.poster import Poster
from taskjob_operator.events.queues import QueueEvents
from taskjob_operator.handlers.watching import Source
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.resources import GROUP, TASKQUEUES
from taskjob_operator.pods.ends import PodEnds
from taskjob_operator.queues.agenda import Agenda, Key
from taskjob_operator.queues.cluster import DEPLOYMENTS, PODS, Cluster
from taskjob_operator.queues.namespaced import NamespacedWatch
from taskjob_operator.queues.numbers import Numbers
from taskjob_operator.queues.reconciler import QueueReconciler
from taskjob_operator.queues.stoppages import Stoppages
from taskjob_operator.queues.workers import Workers
from taskjob_operator.resources.names import QUEUE_LABEL
from taskjob_operator.sweep.brake import Brake

log = logging.getLogger("taskjob.operator")

LOOKS_AT_ONCE = 4
GAP_SECONDS = 1.0
"""How long the events of a new list are awaited before what is missing in it is looked for."""

GONE_SECONDS = 600.0


class TaskQueues:
    """Create it inside the event loop. `source` is what the watch has to feed; Deployments and pods it watches
    itself, where it may."""

    def __init__(
        self,
        kube: KubeClient,
        door: Door,
        *,
        stoppages: Stoppages,
        brake: Brake,
        poster: Poster,
        cluster_id: str,
        gateway_url: str,
        namespaces: Collection[str],
    ) -> None:
        self._kube = kube
        self._namespaces = namespaces
        self._door = door
        self._cluster_id = cluster_id
        self._agenda = Agenda(self._look, name="TaskQueue")
        self._numbers = Numbers(door, self._agenda.add)
        events = QueueEvents(poster)
        self._reconciler = QueueReconciler(
            Cluster(kube),
            door,
            self._numbers,
            Workers(Cluster(kube), gateway_url=gateway_url, on_scaled=events.note_scaling),
            stoppages=stoppages,
            brake=brake,
            events=events,
            cluster_id=cluster_id,
            now=_now,
        )
        brake.on_change = self._orphans_changed
        self._ends = PodEnds(door)
        self._pools: dict[Key, str | None] = {}
        """TaskQueues with workers in this cluster → the Deployment they refer to, if it is not the operator's own."""
        self._pools_changed = asyncio.Event()
        self._gap = asyncio.Event()
        self._gap.set()  # what went before this process began counts too
        self.source = Source(TASKQUEUES, self._observe)

    def watch_began_anew(self) -> None:
        """Events may have been missed, deletions above all."""
        self._gap.set()

    def _observe(self, kind: str | None, queue: Mapping[str, Any]) -> None:
        """DELETED is a hint like the others: the look finds out."""
        if kind is None:
            self.watch_began_anew()
        key = (queue["metadata"]["namespace"], queue["metadata"]["name"])
        spec = queue.get("spec") or {}
        if kind == "DELETED" or not (spec.get("worker") or spec.get("deploymentRef")):
            self._pools.pop(key, None)
        else:
            self._pools[key] = (spec.get("deploymentRef") or {}).get("name")
        self._pools_changed.set()
        self._agenda.add(key)

    def _orphans_changed(self, namespaces: set[str]) -> None:
        for key in self._numbers.followed():
            if key[0] in namespaces:
                self._agenda.add(key)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._agenda.run(LOOKS_AT_ONCE))
            group.create_task(self._numbers.run())
            group.create_task(self._ends.run())
            group.create_task(self._watch_namespaces(group))
            group.create_task(self._look_for_gone())

    async def _look_for_gone(self) -> None:
        """What the api or this process knows is looked at after each gap, and now and then: the look finds out
        whether it is still there."""
        backoff, pause = Backoff(first=GAP_SECONDS, most=5.0), GAP_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GONE_SECONDS):
                    await self._gap.wait()
            await asyncio.sleep(pause)
            self._gap.clear()
            try:
                managed = (await self._door.managed_queues(self._cluster_id)).queues
            except DoorError as error:
                if backoff.tries == 0:
                    log.warning("the queues that the api knows could not be read: %s; trying again", error)
                pause = backoff.next()
                self._gap.set()
                managed = ()
            else:
                backoff.reset()
                pause = GAP_SECONDS
            for key in {*managed, *self._numbers.followed()}:
                if not self._namespaces or key[0] in self._namespaces:
                    self._agenda.add(key)

    async def _look(self, key: Key) -> float | None:
        return await self._reconciler.look(key)

    async def _watch_namespaces(self, group: asyncio.TaskGroup) -> None:
        """Deployments and worker pods are watched where a TaskQueue has workers, and nowhere else. A watch that fails
        for no reason of the cluster's fails the group: it must not be missing unseen."""
        watching: dict[str, asyncio.Task[None]] = {}
        while True:
            await self._pools_changed.wait()
            self._pools_changed.clear()
            wanted = {namespace for namespace, _ in self._pools}
            for namespace in wanted - watching.keys():
                watching[namespace] = group.create_task(self._watch(namespace), name=f"watch {namespace}")
            for namespace in watching.keys() - wanted:
                watching.pop(namespace).cancel()  # no fence: a place

    async def _watch(self, namespace: str) -> None:
        deployments = NamespacedWatch(self._kube, DEPLOYMENTS, namespace, self._on_deployment)
        pods = NamespacedWatch(self._kube, PODS, namespace, self._ends.observe, selector=QUEUE_LABEL)
        async with asyncio.TaskGroup() as group:
            group.create_task(deployments.run())
            group.create_task(pods.run())

    def _on_deployment(self, deployment: Mapping[str, Any], _gone: bool) -> None:  # noqa: FBT001 - as above
        metadata = deployment["metadata"]
        for owner in metadata.get("ownerReferences") or ():
            if owner.get("kind") == "TaskQueue" and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/"):
                self._agenda.add((metadata["namespace"], owner["name"]))
        for key, referred in self._pools.items():
            if key[0] == metadata["namespace"] and referred == metadata["name"]:  # no fence: a place
                self._agenda.add(key)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
