"""The jobs of this worker between grant and settle: start, watch, stop, and say how they ended.

It knows the session machine and the executors, but no connection, signal or process of its own. Everything here
runs on the worker's loop; `tick` is called ten times a second while anything is held.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from taskjob.decorator import Task
from taskjob.ending import Ending, raised
from taskjob.wire.messages import CancelOrder, Grant, LostLease, Settle
from taskjob.wire.worker_session import Key, WorkerSession
from taskjob_worker.delivery import Delivery
from taskjob_worker.executors import Executor
from taskjob_worker.failures import failure_line
from taskjob_worker.intake import Intake
from taskjob_worker.metrics import Metrics
from taskjob_worker.outcome import INTERRUPTED, RELEASED, StopReason, stopped

log = logging.getLogger("taskjob.worker")

LOG_SECONDS = 2.0
MAX_UNSENT_SETTLES = 20_000
"""With so many settles unanswered the server is behind: start nothing more."""


class Runner:
    """`tasks` maps each name to its task, None for a command. `announce(then)` tells the server what was started
    and then calls `then`; `started` is told of each delivery before its task begins."""

    def __init__(
        self,
        session: WorkerSession,
        intake: Intake,
        metrics: Metrics,
        *,
        concurrency: int,
        grace_seconds: float,
        tasks: Mapping[str, Task[..., Any] | None],
        flush: Callable[[], None],
        announce: Callable[[Callable[[], None]], None],
        started: Callable[[Delivery], None],
    ) -> None:
        self.session = session
        self.intake = intake
        self.running: dict[Key, Delivery] = {}
        self.executors: Mapping[str, Executor] = {}
        """By name: async, thread, process, command; the composition root fills it."""
        self.stuck: set[Key] = set()
        """Told to stop, grace over, and nothing can end them but the end of this process."""
        self._metrics = metrics
        self._concurrency = concurrency
        self._grace_seconds = grace_seconds
        self._tasks = tasks
        self._flush = flush
        self._announce = announce
        self._started = started
        self._silent = set[Key]()
        self._logs_at = 0.0

    # ---- from the server

    def grant(self, grants: Iterable[Grant], now: float) -> None:
        for grant in grants:
            delivery = Delivery(grant, self._tasks.get(grant.task), now)
            if grant.task in self._tasks:
                self.intake.waiting.append(delivery)
            else:
                self._hand_back(delivery)
        self.fill()

    def cancel(self, orders: Iterable[CancelOrder], now: float) -> None:
        for order in orders:
            self._stop_one((order.job, order.lease), _reason(order.reason), now)

    def lost(self, lost: Iterable[LostLease], now: float) -> None:
        """These leases are gone. What runs is killed without grace: another worker may have the job already."""
        gone = {(item.job, item.lease) for item in lost}
        self._drop_waiting(gone)
        for key in gone & self.running.keys():
            delivery = self.running[key]
            delivery.stop(StopReason.LOST, kill_at=now)
            self._executor(delivery).stop(delivery)

    # ---- starting

    def capacity(self, now: float) -> int:
        if self.session.unanswered > MAX_UNSENT_SETTLES:
            return 0
        return self.intake.capacity(len(self.running), now)

    def fill(self) -> None:
        waiting = self.intake.waiting
        running = self.running
        announced: list[Delivery] = []
        while waiting and len(running) < self._concurrency:
            now = time.monotonic()
            if now >= self.session.deadline:
                break  # this process stood still: another worker may have these jobs; the next tick finds out
            delivery = waiting.popleft()
            running[delivery.key] = delivery
            delivery.started_at = now
            grant = delivery.grant
            self.session.start(grant.job, grant.lease, now)
            self._started(delivery)
            if grant.delivery > 1:
                # It has been delivered before, perhaps to a worker that died of it: the start is told first, so
                # that a second death is charged to this job.
                announced.append(delivery)
            else:
                self._begin(delivery)
        if announced:
            self._announce(lambda: self._begin_all(announced))

    def _begin_all(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            self._begin(delivery)

    def _begin(self, delivery: Delivery) -> None:
        if delivery.stop_reason is not None:
            self.done(delivery, stopped(delivery.stop_reason))
            return
        try:
            self._executor(delivery).start(delivery)
        except OSError as error:  # no process, no thread, no descriptor: this attempt fails, the worker goes on
            self.done(delivery, raised(error))

    def _executor(self, delivery: Delivery) -> Executor:
        if delivery.task is None:
            return self.executors["command"]
        return self.executors["process" if delivery.grant.suspect else delivery.task.executor]

    # ---- ending

    def done(self, delivery: Delivery, ending: Ending) -> None:
        """Called by the executors, once for each started delivery."""
        key = delivery.key
        if self.running.pop(key, None) is None:
            return
        self.stuck.discard(key)
        seconds = time.monotonic() - delivery.started_at
        if key in self._silent:
            self._silent.discard(key)
        elif delivery.stop_reason is not StopReason.LOST:
            self._settle(delivery, ending, seconds)
        self.intake.finished(seconds)
        if self.intake.waiting:
            self.fill()
        self._flush()

    def _settle(self, delivery: Delivery, ending: Ending, seconds: float) -> None:
        said = delivery.said()
        if said is not None:
            self.session.progress(said)
        for chunk in delivery.log_chunks():
            self.session.log(chunk)
        result = ending.result
        self.session.settle(
            Settle(
                job=delivery.grant.job,
                lease=delivery.grant.lease,
                outcome=ending.outcome,
                result=msgspec.UNSET if result is None else msgspec.Raw(result),
                error=ending.error,
                delay_seconds=ending.delay_seconds,
                retryable=ending.retryable,
                duration_seconds=seconds,
            )
        )
        self._metrics.processed(delivery.grant.task, ending.outcome, seconds)
        line = failure_line(delivery.grant, ending)
        if line is not None:
            log.warning(line)

    # ---- watching

    def tick(self, now: float) -> int:
        """Time-outs, grace, hand-backs, and what running tasks have said; how many jobs were handed back."""
        overdue = self.intake.overdue(now)
        for delivery in overdue:
            self._hand_back(delivery)
        for delivery in list(self.running.values()):
            self._watch(delivery, now)
        collect_logs = now - self._logs_at >= LOG_SECONDS
        if collect_logs:
            self._logs_at = now
        for delivery in self.running.values():
            self._collect(delivery, logs=collect_logs)
        return len(overdue)

    def _watch(self, delivery: Delivery, now: float) -> None:
        deadline = delivery.deadline
        if delivery.stop_reason is None:
            if deadline is not None and now >= deadline:
                self._stop_one(delivery.key, StopReason.TIMED_OUT, now)
        elif now >= delivery.kill_at and not self._executor(delivery).kill(delivery):
            self.stuck.add(delivery.key)

    def _collect(self, delivery: Delivery, *, logs: bool) -> None:
        if delivery.stop_reason is StopReason.LOST:
            return
        said = delivery.said()
        if said is not None:
            self.session.progress(said)
        if logs:
            for chunk in delivery.log_chunks():
                self.session.log(chunk)

    # ---- stopping

    def release_waiting(self) -> None:
        """Hand back everything that was not started."""
        while self.intake.waiting:
            self._hand_back(self.intake.waiting.popleft())

    def stop_all(self, reason: StopReason, now: float) -> None:
        """Ask every running task to end; each is settled as interrupted when it does."""
        for key in list(self.running):
            self._stop_one(key, reason, now)

    def abandon(self) -> None:
        """The process is about to end: settle what still runs and cannot be ended. A timed-out task is told as
        such only now, when nothing of it can run beside its retry."""
        for key, delivery in list(self.running.items()):
            reason = delivery.stop_reason
            if reason is StopReason.LOST:
                continue
            ending = INTERRUPTED if reason is None else stopped(reason, timeout_seconds=delivery.grant.timeout_seconds)
            self._settle(delivery, ending, time.monotonic() - delivery.started_at)
            self._silent.add(key)

    def _stop_one(self, key: Key, reason: StopReason, now: float) -> None:
        delivery = self.running.get(key)
        if delivery is None:
            self._stop_waiting(key, reason)
        elif delivery.stop_reason is None:
            delivery.stop(reason, kill_at=now + self._grace_seconds)
            self._executor(delivery).stop(delivery)

    def _stop_waiting(self, key: Key, reason: StopReason) -> None:
        for delivery in self.intake.waiting:
            if delivery.key == key:
                self.intake.waiting.remove(delivery)
                outcome = stopped(reason) if reason is StopReason.CANCEL_REQUESTED else RELEASED
                self._settle(delivery, outcome, 0.0)
                self._flush()
                return

    def _drop_waiting(self, gone: set[Key]) -> None:
        kept = [delivery for delivery in self.intake.waiting if delivery.key not in gone]
        self.intake.waiting.clear()
        self.intake.waiting.extend(kept)

    def _hand_back(self, delivery: Delivery) -> None:
        self._settle(delivery, RELEASED, 0.0)
        self._flush()


def _reason(text: str) -> StopReason:
    try:
        return StopReason(text)
    except ValueError:
        return StopReason.CANCEL_REQUESTED
