"""The façade: everything a door (REST, gateway, dashboard) may ask of the engine.

It owns order and policy around the store's verbs: hold-off, result and log placement, dispatch of ready work to
waiting sessions, wake-ups for waiting callers, and metrics. It holds no durable truth. Stores emit nothing;
instrumentation stands here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from taskjob.errors import OutcomeUnknownError, TaskJobError, UnavailableError
from taskjob.model import NamespaceStats, Phase, Queue
from taskjob_engine import bulk
from taskjob_engine.artifacts import ArtifactStore, lease_prefix
from taskjob_engine.dispatcher import Dispatcher
from taskjob_engine.events import EventStream
from taskjob_engine.holdoff import HoldOff
from taskjob_engine.lifecycle.transitions import TIMED_OUT
from taskjob_engine.logs import LogPage
from taskjob_engine.maintenance import Expire, Maintenance, Promote, Prune
from taskjob_engine.maintenance.rounds import Observer
from taskjob_engine.reading import Reading
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import (
    Amendment,
    Changed,
    Disowning,
    JobFilter,
    JobRef,
    JobStore,
    PrincipalEnd,
    QueueChange,
    Renewal,
    Renewed,
    Rerun,
    SessionEnd,
    SessionOpen,
    Settled,
    Settlement,
    Standing,
    StoreInfo,
    Submission,
    Submitted,
    WakeUp,
)
from taskjob_engine.telemetry import Recorder
from taskjob_engine.witnesses import Witnesses

__all__ = ["Engine", "EventStream", "LogPage"]

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_WITH_DUE_TIME = frozenset({Phase.SUBMITTED, Phase.RETRY_QUEUED})
_STATS_SECONDS = 1.0
"""Scrapes within this share one snapshot; a store that takes longer leaves the queues' gauges out."""


class Engine(Reading):
    """Belongs to one event loop. Build it, `start` it, ask it, `stop` it. Several may share one store."""

    def __init__(
        self,
        store: JobStore,
        artifacts: ArtifactStore,
        settings: EngineSettings,
        *,
        holdoff: HoldOff | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`holdoff` and `observer` (told of each maintenance step) are for tests that hold the clock."""
        holdoff = holdoff or HoldOff(settings.session_ttl_seconds, store_clock=store.now)
        super().__init__(store, artifacts, settings, holdoff)
        self.info: StoreInfo | None = None
        self.recorder = Recorder()
        self._witnesses = Witnesses(store, self.recorder)
        self.dispatcher = Dispatcher(store, settings, observe=self.recorder.granted)
        batch, pause = settings.batch, settings.maintenance_seconds
        self._maintenance = Maintenance(
            [
                Expire(store, holdoff, self.recorder, batch=batch, pause_seconds=pause),
                Promote(store, self.recorder, batch=batch, pause_seconds=pause),
                Prune(store, artifacts, self.recorder, batch=batch, pause_seconds=settings.prune_seconds),
            ],
            self.recorder,
            observer=observer,
        )
        self._unwatch: Callable[[], None] | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._stats: tuple[float, NamespaceStats] | None = None

    async def start(self) -> StoreInfo:
        """Open the store, begin hold-off for one TTL, start dispatch and maintenance."""
        await self._artifacts.open()
        self.info = await self._store.open()
        self.holdoff.start()
        self._watchdog = asyncio.create_task(self.holdoff.watch(), name="holdoff")
        self._unwatch = self._store.watch(self._wake)
        self.dispatcher.start()
        self._maintenance.start()
        return self.info

    async def stop(self) -> None:
        """Stop dispatch and maintenance, end waits and streams, flush, close. Sessions live on in the store. Safe to
        call twice, or before `start`."""
        self._hub.close()
        await self.dispatcher.stop()
        await self._maintenance.stop()
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
            self._watchdog = None
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        await self._store.close()
        await self._artifacts.close()

    # ---- people
    async def submit(self, items: Sequence[Submission]) -> list[Submitted]:
        """Durable when it returns. Sessions that wait for such work are asked in the same flush."""
        # What is asked for here enters the store in the next turn of the loop, right behind the submit of this one.
        self.dispatcher.anticipate(items)
        verdicts = await self._counted(self._store.submit(items, create_queues=self.settings.create_queues))
        self.recorder.submitted(items, verdicts)
        return verdicts

    async def cancel(self, refs: Sequence[JobRef]) -> list[Changed]:
        return await self._counted(self._store.cancel(refs))

    async def rerun(self, items: Sequence[Rerun]) -> list[Changed]:
        return await self._counted(self._store.rerun(items))

    async def amend(self, items: Sequence[Amendment]) -> list[Changed]:
        return await self._counted(self._store.amend(items))

    async def disown(self, items: Sequence[Disowning]) -> list[Changed]:
        return await self._counted(self._store.disown(items))

    async def purge(self, refs: Sequence[JobRef]) -> list[Changed]:
        return await self._counted(self._store.purge(refs))

    async def preview(self, where: JobFilter, action: bulk.BulkAction) -> bulk.Preview:
        """What a bulk action would touch, frozen in a token; see `taskjob_engine.bulk`."""
        return await bulk.preview(self._store, where, action)

    async def execute(self, namespace: str, token: str) -> bulk.BulkStep:
        """One bounded step of a previewed bulk action; go on with the token it returns."""
        return await self._counted(bulk.execute(self._store, namespace, token))

    async def put_queue(self, change: QueueChange) -> Queue:
        return await self._counted(self._store.put_queue(change))

    async def metrics(self) -> bytes:
        """The Prometheus text of this process."""
        stats = await self._fresh_stats()
        return self.recorder.render(store=self.info, stats=stats, holdoff_seconds=self.holdoff.remaining_seconds())

    # ---- workers
    async def open_session(self, session: SessionOpen) -> int:
        return await self._heard(self._store.session_open(session))

    async def renew(self, renewal: Renewal) -> Renewed:
        """As the store's, without orders to stop for a time that the clock has jumped over: the worker measures an
        attempt by its own monotonic clock."""
        [renewed] = await self._heard(self._store.session_renew([renewal]))
        self.recorder.buried(renewed.dead_letters)
        if renewed.cancelling and self.holdoff.skipped_seconds() > 0:
            orders = tuple(order for order in renewed.cancelling if order.reason != TIMED_OUT)
            return msgspec.structs.replace(renewed, cancelling=orders)
        return renewed

    async def close_session(self, end: SessionEnd) -> bool:
        [done] = await self._heard(self._store.session_close([end]))
        self.recorder.buried(done.dead_letters)
        self._maintenance.nudge(Expire.name)
        return done.closed

    async def end_principals(self, items: Sequence[PrincipalEnd]) -> list[int]:
        """The workers behind these principals are certainly dead: how many sessions of each ended. No hold-off: it
        guards against our own deafness, and this was told."""
        ended = await self._counted(self._store.end_principals(items))
        for done in ended:
            self.recorder.expired(done)
        return [done.sessions for done in ended]

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """As the store's; results above the inline size are put into an artifact first."""
        verdicts = await self._heard(self._results.settle(items))
        self.recorder.settled(items, verdicts)
        return verdicts

    async def append_log(
        self, *, namespace: str, job: str, run: int, delivery: int, lease: str, number: int, text: str
    ) -> None:
        """Keep one chunk; a repeat of its number is ignored; beyond the limit it is dropped and that is recorded.
        The caller has checked that the session holds the lease."""
        await self._logs.append(lease_prefix(namespace, job, run, delivery, lease), number, text)
        self._hub.wrote(namespace, job)
        self.recorder.logged(len(text))

    def signed_standing(self) -> tuple[Standing, str]:
        """Where the store stands, with its signature: what a peer keeps as a witness."""
        return self._witnesses.signed()

    async def witness(self, incarnation: str, seq: int, signature: str) -> Standing:
        """Tell what a peer saw; see `JobStore.witness`. Costs nothing where it proves nothing; what this store never
        signed is ignored and counted."""
        return await self._witnesses.heed(incarnation, seq, signature)

    # ---- inside
    def _wake(self, wakeups: Sequence[WakeUp]) -> None:
        self.dispatcher.wake(wakeups)
        self._hub.publish(wakeups)
        if any(wakeup.phase in _WITH_DUE_TIME for wakeup in wakeups):
            self._maintenance.nudge(Promote.name)

    async def _counted(self, call: Awaitable[_T]) -> _T:
        """Await a call to the store and count its failure."""
        try:
            return await call
        except (UnavailableError, OutcomeUnknownError) as error:
            self.recorder.store_failed(error.code)
            raise

    async def _heard(self, call: Awaitable[_T]) -> _T:
        """Await what a worker asks. Where the store fails, workers cannot be heard: nobody is declared dead for it."""
        try:
            with self.holdoff.timing():
                return await self._counted(call)
        except (UnavailableError, OutcomeUnknownError):
            self.holdoff.outage()
            raise

    async def _fresh_stats(self) -> NamespaceStats | None:
        now = asyncio.get_running_loop().time()
        if self._stats is not None and now - self._stats[0] < _STATS_SECONDS:
            return self._stats[1]
        try:
            async with asyncio.timeout(_STATS_SECONDS):
                stats = await self._store.stats(None)
        except (TaskJobError, TimeoutError) as error:
            log.warning("no statistics for this scrape: %s", error)
            return None
        self._stats = (now, stats)
        return stats
