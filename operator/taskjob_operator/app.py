"""The operator process: lead, then watch and serve until the Lease is lost or a signal comes.

A loss of the Lease ends the process, so that nothing of an old term can act in the next one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import socket
from collections.abc import Callable
from functools import partial

import msgspec

from taskjob_operator.door import Door
from taskjob_operator.events.poster import Poster
from taskjob_operator.handlers.supervisor import WatchSupervisor
from taskjob_operator.handlers.watchdog import Watchdog
from taskjob_operator.health import HealthServer
from taskjob_operator.kube.backoff import patiently
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS, TASKQUEUES, Resource
from taskjob_operator.kube.target import Connection, find_connection
from taskjob_operator.leadership import Leadership, NotLeadingError
from taskjob_operator.metrics import Metrics
from taskjob_operator.queues.stoppages import Stoppages
from taskjob_operator.settings import OperatorSettings
from taskjob_operator.sweep.brake import Brake
from taskjob_operator.taskjobs import TaskJobs
from taskjob_operator.taskqueues import TaskQueues

logger = logging.getLogger(__name__)
LEASE_CALL_SECONDS = 2.0
CRD_SECONDS = 2.0
"""How often to look for a definition that is missing."""


class Operator:
    """Create it inside the event loop that runs it."""

    def __init__(self, settings: OperatorSettings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._metrics = Metrics()
        self._stop = asyncio.Event()
        self._taskjobs: TaskJobs | None = None
        self._state = "starting"
        self._lease_kube = KubeClient(connection, connections=2, seconds=LEASE_CALL_SECONDS)
        self._leadership = Leadership(
            self._lease_kube,
            settings.operator_namespace,
            settings.operator_identity or f"{socket.gethostname()}-{secrets.token_hex(4)}",
            lease_seconds=settings.lease_seconds,
        )
        self._kube = KubeClient(connection, fence=self._leadership.check)
        self._door = Door(
            settings.api_url,
            token_file=settings.api_token_file,
            ca_file=settings.api_ca_file,
            fence=self._leadership.check,
        )
        self._health = HealthServer(self._metrics, ready=self._ready, refresh=self._refresh)

    def stop(self) -> None:
        """End gracefully."""
        self._stop.set()

    async def run(self, on_ready: Callable[[str], None] = lambda _: None) -> None:
        """Until `stop` (returns) or until the Lease is lost (raises `NotLeadingError`). `on_ready` gets the address of
        health and metrics."""
        self._take_signals()
        on_ready(await self._health.start(self._settings.operator_host, self._settings.operator_port))
        stopping = asyncio.create_task(self._stop.wait())
        serving = asyncio.create_task(self._lead_and_serve(), name="operator")
        try:
            await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
            self._state = "stopping"
            serving.cancel()
            await asyncio.wait({serving})
            if not serving.cancelled() and (error := serving.exception()) is not None:
                raise _cause(error)
        finally:
            stopping.cancel()
            await self._leadership.release()
            for part in (self._health.stop, self._kube.close, self._lease_kube.close, self._door.close):
                await part()

    async def _lead_and_serve(self) -> None:
        self._state = "standby"
        await self._leadership.acquire()
        self._state = "leading"
        async with asyncio.TaskGroup() as group:
            group.create_task(self._leadership.keep(), name="lease")
            group.create_task(self._serve(), name="serving")

    async def _serve(self) -> None:
        cluster_id = self._settings.cluster_id or await self._read_cluster_id()
        await self._definitions_exist()
        namespaces = self._settings.watch_namespaces
        watchdog = Watchdog(clusterwide=not namespaces)
        stoppages, brake = Stoppages(), Brake()
        poster = Poster(self._kube, self._metrics, instance=socket.gethostname())
        taskjobs = self._taskjobs = TaskJobs(
            settings=self._settings,
            cluster_id=cluster_id,
            kube=self._kube,
            door=self._door,
            metrics=self._metrics,
            watchdog=watchdog,
            stoppages=stoppages,
            brake=brake,
            poster=poster,
        )
        taskqueues = TaskQueues(
            self._kube,
            self._door,
            stoppages=stoppages,
            brake=brake,
            poster=poster,
            cluster_id=cluster_id,
            gateway_url=self._settings.gateway_url,
            namespaces=namespaces,
        )

        def watch_began_anew() -> None:
            taskjobs.watch_began_anew()
            taskqueues.watch_began_anew()

        supervisor = WatchSupervisor(
            self._connection,
            (taskjobs.source, taskqueues.source),
            namespaces,
            watchdog=watchdog,
            definitions_exist=self._definitions_exist,
            on_gap=watch_began_anew,
            on_spawn=self._take_signals,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(supervisor.run(), name="watch")
            group.create_task(taskjobs.run(), name="taskjobs")
            group.create_task(taskqueues.run(), name="taskqueues")
            group.create_task(poster.run(), name="events")

    async def _read_cluster_id(self) -> str:
        raw = await patiently(
            "reading the namespace kube-system", lambda: self._kube.get("/api/v1/namespaces/kube-system")
        )
        return str(msgspec.json.decode(raw)["metadata"]["uid"])

    async def _definitions_exist(self) -> None:
        """The definitions must be there first: kopf looks for them once, when it starts."""
        namespace = self._settings.watch_namespaces[0] if self._settings.watch_namespaces else None

        async def look(resource: Resource) -> bytes:
            try:
                return await self._kube.get(resource.collection(namespace), limit="1")
            except KubeError as error:
                if error.status == 404:
                    raise KubeError(
                        503, "NotServed", f"the definition of {resource.plural} is not installed"
                    ) from error
                raise

        self._state = "waiting for the definitions"
        for resource in (TASKJOBS, TASKQUEUES):
            await patiently(f"looking for {resource.plural}", partial(look, resource), most=CRD_SECONDS)
        self._state = "leading"

    def _ready(self) -> tuple[bool, str]:
        """A standby is ready: it does what it is there for."""
        if self._state == "leading" and (self._taskjobs is None or not self._taskjobs.caught_up):
            return False, "catching up"
        return self._state in {"leading", "standby"}, self._state

    def _refresh(self) -> None:
        self._metrics.leading.set(self._leadership.leading)
        if self._taskjobs is not None:
            self._taskjobs.refresh()

    def _take_signals(self) -> None:
        """Once more whenever kopf starts, which takes them for itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # `taskjob operator` holds it back until now


def _cause(error: BaseException) -> BaseException:
    """The first error in groups of them; the loss of the Lease before all others."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [_cause(one) for one in error.exceptions]
    return next((one for one in causes if isinstance(one, NotLeadingError)), causes[0])


def run(settings: OperatorSettings, on_ready: Callable[[str], None] = lambda _: None) -> int:
    """Run the operator; its exit code. 3: the Lease was lost."""

    async def main() -> None:
        await Operator(settings, find_connection(settings.kubeconfig)).run(on_ready)

    try:
        asyncio.run(main())
    except NotLeadingError as error:
        logger.error("no longer leading: %s", error)  # noqa: TRY400 - an end that is foreseen
        return 3
    return 0
