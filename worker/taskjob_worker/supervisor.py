"""The worker process itself: connect, reconnect and resume, watch the lease, drain.

It ties the session machine, the runner and a carrier together. It runs in a process that a guardian made
(`taskjob_worker.guardian`); the guardian alone gets signals, renews when user code blocks this loop, and kills it
when its leases lapse.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import random
import socket
import time
from collections.abc import Mapping
from typing import Any

from taskjob.decorator import Task
from taskjob.errors import TaskJobError
from taskjob.wire.messages import GoAway, SubmitVerdict
from taskjob.wire.worker_events import Answered, Event, Granted, Lapsed, Opened, Ordered, Refused
from taskjob.wire.worker_identity import Identity
from taskjob.wire.worker_session import WorkerSession
from taskjob_worker import settled
from taskjob_worker.board import Board
from taskjob_worker.carriers import Carrier
from taskjob_worker.delivery import Delivery
from taskjob_worker.executors.commands import CommandExecutor
from taskjob_worker.executors.coroutines import CoroutineExecutor
from taskjob_worker.executors.processes import ProcessExecutor
from taskjob_worker.executors.threads import ThreadExecutor
from taskjob_worker.intake import Intake
from taskjob_worker.metrics import Metrics, serve
from taskjob_worker.orders import GroupNote, SessionNote, send
from taskjob_worker.outcome import StopReason
from taskjob_worker.runner import Runner
from taskjob_worker.settings import DEFAULT_METRICS_PORT, WorkerSettings

log = logging.getLogger("taskjob.worker")

TICK_SECONDS = 0.1
IDLE_SECONDS = 1.0
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
FAREWELL_SECONDS = 5.0
"""Longest wait for the answers to the last settles."""

STUCK_MARGIN_SECONDS = 5.0


class Supervisor:
    def __init__(
        self,
        settings: WorkerSettings,
        identity: Identity,
        tasks: Mapping[str, Task[..., Any] | None],
        guardian: socket.socket,
        board: Board,
    ) -> None:
        self.session = WorkerSession(identity, bound_want=not settings.gateway.startswith("http"))
        self.metrics = Metrics()
        self.recycle = False
        """The process must be replaced: a task that cannot be ended holds a slot."""
        self._settings = settings
        self._overdue_seconds = settings.grace_seconds + settings.drain_seconds + STUCK_MARGIN_SECONDS
        self._guardian = guardian
        self._board = board
        self._carrier: Carrier = _carrier(self, settings)
        self._intake = Intake(concurrency=settings.concurrency)
        self._runner = Runner(
            self.session,
            self._intake,
            self.metrics,
            concurrency=settings.concurrency,
            grace_seconds=settings.grace_seconds,
            tasks=tasks,
            flush=self._carrier.flush,
            announce=self._carrier.announce,
            started=self._on_started,
        )
        self._processes = ProcessExecutor(
            self._runner.done,
            self._submit,
            self._on_group,
            modules=settings.modules,
            log_level=settings.log_level,
            spare=_spare(tasks, settings.concurrency),
        )
        self._runner.executors = {
            "async": CoroutineExecutor(self._runner.done, self._submit),
            "thread": ThreadExecutor(self._runner.done, self._submit),
            "process": self._processes,
            "command": CommandExecutor(self._runner.done, self._on_group, settings.commands),
        }
        self.metrics.gauges = self._gauges
        self._refusal: Refused | None = None
        self._dismissed: str | None = None
        """Why the server asked to be left, on this connection: it ends in peace."""
        self._retry_after = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._drain_orders = 0
        self._drain_wanted = asyncio.Event()
        self._hurry = asyncio.Event()
        self._over = False

    async def run(self) -> int:
        """Until drained (0), to be replaced (`EXIT_RECYCLE`) or refused for good (`EXIT_REFUSED`)."""
        asyncio.get_running_loop().add_reader(self._guardian.fileno(), self._on_order)
        endpoint = await self._serve_metrics()
        self._processes.warm()
        self._tick()
        connecting = asyncio.create_task(self._stay_connected())
        draining = asyncio.create_task(self._drain_when_told())
        await asyncio.wait([connecting, draining], return_when=asyncio.FIRST_COMPLETED)
        self._over = True
        for task in (draining, connecting):
            task.cancel()
        results = await asyncio.gather(connecting, draining, return_exceptions=True)
        for executor in self._runner.executors.values():
            await executor.close()
        if endpoint is not None:
            endpoint.close()
        for result in results:
            if isinstance(result, Exception):
                raise result
        if self._refusal is not None and not self._refusal.again:
            return EXIT_REFUSED
        return EXIT_RECYCLE if self.recycle and not self._drain_orders else 0

    async def _serve_metrics(self) -> asyncio.Server | None:
        host, chosen = self._settings.metrics_host, self._settings.metrics_port
        if chosen == 0:
            return None
        port = chosen or DEFAULT_METRICS_PORT
        try:
            return await serve(self.metrics, self._unhealthy, host=host, port=port)
        except OSError as error:
            if chosen is None and error.errno == errno.EADDRINUSE:
                log.warning("no /metrics and /healthz: %s:%d is taken, name another --metrics-port", host, port)
                return None
            raise TaskJobError(
                f"cannot serve metrics on {host}:{port}: {error.strerror}",
                hint="another port: --metrics-port; 0 is off",
            ) from error

    # ---- the carrier's hub

    def on_events(self, events: list[Event]) -> None:  # noqa: C901 - one case an event
        now = time.monotonic()
        for event in events:
            match event:
                case Granted():
                    settled.note_grants(event.grants)
                    self._runner.grant(event.grants, now)
                    self._tick_soon()
                case Answered():
                    settled.note_verdicts(event)
                    for verdict in event.verdicts:
                        log.info("job %s: settle %s (%s)", verdict.job, verdict.verdict, verdict.reason)
                case Ordered():
                    self._runner.cancel(event.orders, now)
                case Lapsed():
                    log.warning("%d leases were lost: %s", len(event.lost), event.lost[0].reason if event.lost else "")
                    self._runner.lost(event.lost, now)
                case Opened():
                    self._on_opened(event)
                case Refused():
                    self._refusal = event
                    log.warning("the server refused: %s: %s", event.failure.code, event.failure.detail)
                case GoAway():
                    self._retry_after = event.after_seconds
                    self._dismissed = event.reason
        if events and self.capacity() > self.session.owed:
            self._carrier.flush()

    def capacity(self) -> int:
        return self._runner.capacity(time.monotonic())

    def busy(self) -> bool:
        return bool(self._runner.running)

    # ---- connecting

    async def _stay_connected(self) -> None:
        delay = FIRST_RETRY_SECONDS
        while not self._over:
            self._refusal = self._dismissed = None
            try:
                await self._carrier.run(self._settings.read_token())
            except OSError as error:
                if self._over:
                    return
                self._tell_broken(error)
            if self._refusal is not None and not self._refusal.again:
                return
            delay = FIRST_RETRY_SECONDS if self.session.connected else min(delay * 2, LONGEST_RETRY_SECONDS)
            self.session.disconnected()
            wait = max(self._retry_after, delay)
            self._retry_after = 0.0
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _tell_broken(self, error: OSError) -> None:
        gateway = self._settings.gateway
        if self._dismissed is not None:
            log.info("%s asks to connect again later (%s)", gateway, self._dismissed)
        elif self._refusal is None:  # a refusal was told when it came
            log.warning("no connection to %s: %s", gateway, str(error) or type(error).__name__)

    def _on_opened(self, opened: Opened) -> None:
        session = self.session
        self._board.worker_renewed_at = session.renewed_at
        note = SessionNote(
            session=opened.welcome.session,
            epoch=opened.welcome.epoch,
            ttl_seconds=session.ttl_seconds,
            heartbeat_seconds=session.heartbeat_seconds,
        )
        send(self._guardian, note)
        log.info("%s session %s", "resumed" if opened.resumed else "opened", opened.welcome.session)

    # ---- watching

    def _tick_soon(self) -> None:
        """Held work is looked at ten times a second, an idle worker at itself once."""
        if self._timer is not None and self._timer.when() - asyncio.get_running_loop().time() > TICK_SECONDS:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        now = time.monotonic()
        runner = self._runner
        handed_back = runner.tick(now)
        if handed_back and self.session.owed > self.capacity():
            # What is asked for cannot be taken back on a connection; the same jobs would come again at once.
            self._carrier.cut(f"{handed_back} prefetched jobs waited too long: asking for less")
        self._watch_lease(now)
        if runner.stuck and not self.recycle:
            log.warning("%d tasks cannot be ended: the worker will be replaced", len(runner.stuck))
            self.recycle = True
            self._drain_wanted.set()
        self._board.running = float(len(runner.running))
        self._board.overdue_at = self._overdue_at()
        if self.session.connected:
            self._carrier.flush()
        busy = runner.running or self._intake.waiting or self.session.unsaid
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS if busy else IDLE_SECONDS, self._tick)

    def _watch_lease(self, now: float) -> None:
        """Stop everything in time to be surely over when the leases lapse."""
        session = self.session
        session.renewed_elsewhere(self._board.guardian_renewed_at)
        self._board.worker_renewed_at = session.renewed_at
        if now - session.silent_since > session.ttl_seconds / 2:
            self._carrier.cut("the server does not answer")
        if session.session is None or now < session.deadline - min(3.0, session.ttl_seconds / 5):
            self._intake.open = not self._drain_wanted.is_set()
            if self._intake.open:
                self._runner.fill()  # what a stall held back, when the guardian has renewed meanwhile
            return
        if self._intake.open and (self._runner.running or self._intake.waiting):
            log.warning("the server cannot be reached and the leases lapse: stopping all tasks")
        self._intake.open = False
        self._runner.release_waiting()
        self._runner.stop_all(StopReason.LEASE_LAPSES, now)

    def _on_started(self, delivery: Delivery) -> None:
        """The board must know before the task begins: it may never let this loop turn again."""
        board = self._board
        board.running = 1.0
        if delivery.deadline is not None:
            overdue_at = delivery.deadline + self._overdue_seconds
            if not 0.0 < board.overdue_at <= overdue_at:
                board.overdue_at = overdue_at

    def _overdue_at(self) -> float:
        deadlines = [d.deadline for d in self._runner.running.values() if d.deadline is not None]
        return min(deadlines) + self._overdue_seconds if deadlines else 0.0

    def _unhealthy(self) -> str | None:
        return None if self.session.connected else "not connected"

    def _gauges(self) -> dict[str, tuple[str, float]]:
        return {
            "taskjob_worker_active_jobs": ("Jobs that run now", len(self._runner.running)),
            "taskjob_worker_prefetched_jobs": ("Jobs held and not started", len(self._intake.waiting)),
            "taskjob_worker_unanswered_settles": ("Settles the server has not answered", self.session.unanswered),
            "taskjob_worker_connected": ("1 while connected", float(self.session.connected)),
        }

    # ---- draining

    def _on_order(self) -> None:
        try:
            data = self._guardian.recv(4096)
        except BlockingIOError:
            return
        if not data:
            log.error("the guardian is gone")
            self._hurry.set()
        for _ in data.splitlines() or [b""]:
            self._drain_orders += 1
            self._drain_wanted.set()
            if self._drain_orders > 1:
                self._hurry.set()
        if not data:
            asyncio.get_running_loop().remove_reader(self._guardian.fileno())

    async def _drain_when_told(self) -> None:
        await self._drain_wanted.wait()
        limit = self._settings.drain_seconds
        if self.recycle:
            # The server gives up a timed-out attempt one TTL after its time; until then nobody retries it.
            limit = min(limit, self.session.ttl_seconds / 2)
        end = time.monotonic() + limit
        log.info("draining: %d running, up to %g s", len(self._runner.running), limit)
        self._intake.open = False
        self._carrier.drain()
        self._runner.release_waiting()
        self._carrier.flush()
        await self._until(lambda: len(self._runner.running) <= len(self._runner.stuck), limit, self._hurry)
        self._runner.stop_all(StopReason.DRAIN, time.monotonic())
        await self._until(lambda: not self._ending_tasks(), self._settings.grace_seconds + 1.0)
        self._runner.abandon()
        self._carrier.flush()
        # An api that is being rolled too comes back in that time; what is not said to it counts as lost.
        await self._until(lambda: not self.session.unanswered, end - time.monotonic(), self._hurry)
        await self._until(lambda: not self.session.unanswered, FAREWELL_SECONDS)
        self._over = True
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._carrier.close()

    def _ending_tasks(self) -> bool:
        return any(key not in self._runner.stuck for key in self._runner.running)

    async def _until(self, reached: Any, seconds: float, cut_short: asyncio.Event | None = None) -> None:
        end = time.monotonic() + seconds
        while not reached() and time.monotonic() < end:
            if cut_short is not None and cut_short.is_set():
                return
            await asyncio.sleep(0.02)

    # ---- for tasks

    async def _submit(self, document: dict[str, Any]) -> str:
        [verdict] = await self._carrier.submit([document])
        if verdict.id is None or verdict.outcome in {"conflict", "rejected"}:
            raise _submit_error(verdict)
        return verdict.id

    def _on_group(self, note: GroupNote) -> None:
        try:
            send(self._guardian, note)
        except OSError:
            log.debug("the guardian is gone")


EXIT_RECYCLE = 75
"""Replace this process at once."""

EXIT_REFUSED = 77
"""The server will never take this worker as it is."""

EXIT_CONFIG = 78
"""Tasks or settings cannot be used; starting again will not help."""


def _carrier(hub: Supervisor, settings: WorkerSettings) -> Carrier:
    if settings.gateway.startswith("http"):
        from taskjob_worker.carriers.http import HttpCarrier  # noqa: PLC0415 - brings an HTTP library along

        return HttpCarrier(hub, settings)
    from taskjob_worker.carriers.tcp import TcpCarrier  # noqa: PLC0415 - only one of them

    return TcpCarrier(hub, settings)


def _spare(tasks: Mapping[str, Task[..., Any] | None], concurrency: int) -> int:
    """Children to keep warm: as many as there are processors, if any task needs them."""
    wanted = any(task is not None and task.executor == "process" for task in tasks.values())
    return min(concurrency, os.cpu_count() or 1) if wanted else 0


def _submit_error(verdict: SubmitVerdict) -> TaskJobError:
    error = TaskJobError(f"{verdict.code}: {verdict.detail or 'the submit was refused'}", field=verdict.field)
    error.reason = verdict.code
    return error
