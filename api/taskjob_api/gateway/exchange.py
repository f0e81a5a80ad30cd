"""Carries out exchanges against the engine: logs, then started and progress, then settles, then the want.

Exchanges that came in one read are carried out as one: one settle call, one renewal. Renewal, settle and the lease
call behind the want are started in one turn of the loop, so that they ride in one flush.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from itertools import chain
from typing import Any, TypeVar

import msgspec

from taskjob.errors import TaskJobError
from taskjob.wire.gateway_session import Carrier, Work
from taskjob.wire.message_limits import cut_error, cut_log
from taskjob.wire.messages import CancelOrder, LogChunk, LostLease, Settle, Update, Verdict, Witness
from taskjob_api.gateway.live import Holding, LiveSession
from taskjob_engine.engine import Engine
from taskjob_engine.store import (
    JobRef,
    ProgressMark,
    Renewal,
    Renewed,
    SessionRef,
    Settled,
    Settlement,
    SettleVerdict,
    StartMark,
)

log = logging.getLogger(__name__)

RENEW_EVERY_SECONDS = 0.5
"""A busy session is renewed in the store this often; its TTL there is longer by as much."""

_ACCEPTED = SettleVerdict.ACCEPTED

T = TypeVar("T")


class Exchanges:
    """`carry_out` is the whole of it."""

    def __init__(self, engine: Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self.ttl_seconds = engine.settings.session_ttl_seconds + RENEW_EVERY_SECONDS

    async def carry_out(self, live: LiveSession, works: Sequence[Work], ask: Callable[[int], None]) -> list[Update]:
        """The answers, one a work, once the settles are durable. `ask` is called with the jobs wanted, in the turn
        in which the settles were handed to the store. Raises `UnavailableError` or `OutcomeUnknownError`: the worker
        must send the exchanges again."""
        await self._heed_witness(works)
        holding = _holding(works)
        if holding is not None and live.rules.carrier is Carrier.HTTP:
            live.keep(holding)
        renewing = _start(self._renew(live, works)) if self._must_renew(live, works) else None
        try:
            if any(work.exchange.logs for work in works):
                if renewing is not None:
                    # A lease that only the worker told of may log once the store has confirmed it.
                    self._adopt(live, works, await asyncio.shield(renewing))
                await self._append_logs(live, works)
        except BaseException:
            if renewing is not None:
                renewing.cancel()
            raise
        settles = list(chain.from_iterable(work.settles for work in works))
        settling = _start(self._engine.settle([_settlement(live, s) for s in settles])) if settles else None
        want = sum(work.want for work in works)
        if want:
            ask(want)
        renewed = await _both(renewing, settling)
        settled = settling.result() if settling is not None else []
        answers = self._answers(live, works, renewed, settled)
        if settles:
            self._engine.dispatcher.eased(live.ref.session)
        return answers

    async def orders(self, live: LiveSession) -> Update | None:
        """What the store wants a silent session to stop, without making its leases last longer than its worker's
        last word does. None: nothing."""
        live.checked_at = self._clock()
        left = max(0.1, live.heard_at + self.ttl_seconds - self._clock())
        renewed = await self._engine.renew(Renewal(ref=live.ref, ttl_seconds=left))
        return tidings(renewed) if renewed.renewed else Update(renewed=False)

    # ---- renewal

    def _must_renew(self, live: LiveSession, works: Sequence[Work]) -> bool:
        now = live.heard_at = self._clock()
        if now - live.renewed_at >= RENEW_EVERY_SECONDS or live.incarnation != self._engine.standing().incarnation:
            return True
        return any(w.exchange.started or w.exchange.progress or w.exchange.holding is not None for w in works)

    async def _renew(self, live: LiveSession, works: Sequence[Work]) -> Renewed:
        now = self._clock()
        http = live.rules.carrier is Carrier.HTTP
        renewed = await self._engine.renew(
            Renewal(
                ref=live.ref,
                ttl_seconds=self.ttl_seconds,
                holding=_holding(works),
                # What was pushed may still be on its way: over TCP only a resume tells all.
                holding_seq=works[-1].exchange.seq if http else 0,
                started=tuple(
                    StartMark(job=s.job, lease=s.lease, ago_seconds=s.ago_seconds)
                    for work in works
                    for s in work.exchange.started
                ),
                progress=tuple(
                    ProgressMark(
                        job=p.job,
                        lease=p.lease,
                        progress=p.progress,
                        checkpoint=None if p.checkpoint is msgspec.UNSET else bytes(p.checkpoint),
                    )
                    for work in works
                    for p in work.progress
                ),
            )
        )
        live.renewed_at = live.checked_at = now
        live.incarnation = self._engine.standing().incarnation
        return renewed

    async def _heed_witness(self, works: Sequence[Work]) -> None:
        witness = works[-1].exchange.witness
        if witness is not None:
            await heed(self._engine, witness)

    # ---- logs

    def _adopt(self, live: LiveSession, works: Sequence[Work], renewed: Renewed) -> None:
        lost = {(item.job, item.lease) for item in renewed.lost}
        for work in works:
            for held in work.exchange.holding or ():
                known = held.job in live.held  # False: its run and delivery are looked up once more
                if not known and (held.job, held.lease) not in lost:
                    live.hold(held.job, Holding(held.lease))

    async def _append_logs(self, live: LiveSession, works: Sequence[Work]) -> None:
        """A chunk of a lease that the session does not hold is dropped: it is a repeat, or not its to write."""
        for chunk in chain.from_iterable(work.exchange.logs for work in works):
            holding = live.holding(chunk.job, chunk.lease)
            if holding is None:
                continue
            try:
                await self._append(live, chunk, holding)
            except (TaskJobError, OSError):
                # The outcome of the job matters more than its log.
                log.exception("a log chunk of job %s could not be kept", chunk.job)

    async def _append(self, live: LiveSession, chunk: LogChunk, holding: Holding) -> None:
        if holding.run is None or holding.delivery is None:
            job = await self._engine.get(JobRef(namespace=live.namespace, id=chunk.job))
            if job is None:
                return
            holding.run, holding.delivery = job.run, job.deliveries
        text = cut_log(chunk.text)
        await self._engine.append_log(
            namespace=live.namespace,
            job=chunk.job,
            run=holding.run,
            delivery=holding.delivery,
            lease=chunk.lease,
            number=chunk.number,
            text=text + "\n[log cut by the worker]\n" if chunk.truncated else text,
        )

    # ---- answers

    def _answers(
        self, live: LiveSession, works: Sequence[Work], renewed: Renewed | None, settled: list[Settled]
    ) -> list[Update]:
        witness = standing(self._engine)
        answers: list[Update] = []
        start = 0
        for work in works:
            end = start + len(work.settles)
            verdicts = _verdicts(live, work.settles, settled[start:end])
            start = end
            answers.append(Update(seq=work.exchange.seq, verdicts=(*work.rejected, *verdicts), witness=witness))
        if renewed is None:
            return answers
        if not renewed.renewed:
            live.rules.ended()
            return [msgspec.structs.replace(answer, renewed=False) for answer in answers]
        self._adopt(live, works, renewed)
        settling = {(s.job, s.lease) for work in works for s in work.exchange.settle}
        lost = tuple(
            LostLease(job=item.job, lease=item.lease, reason=item.reason)
            for item in renewed.lost
            if (item.job, item.lease) not in settling
        )
        for item in lost:
            live.drop(item.job, item.lease)
        for work in works:
            for settle in work.settles:
                live.drop(settle.job, settle.lease)
        if lost or renewed.cancelling:
            answers[0] = msgspec.structs.replace(answers[0], lost=lost, cancel=_cancel(renewed, settling))
        return answers


def tidings(renewed: Renewed) -> Update | None:
    """What a renewal found lost or to be stopped; None: nothing."""
    if not renewed.lost and not renewed.cancelling:
        return None
    lost = tuple(LostLease(job=item.job, lease=item.lease, reason=item.reason) for item in renewed.lost)
    return Update(lost=lost, cancel=_cancel(renewed))


def standing(engine: Engine) -> Witness:
    now, signature = engine.signed_standing()
    return Witness(incarnation=now.incarnation, seq=now.seq, signature=signature)


async def heed(engine: Engine, witness: Witness) -> None:
    """Tell the store what a worker saw; costs nothing where that says no more than the store knows."""
    await engine.witness(witness.incarnation, witness.seq, witness.signature)


def _holding(works: Sequence[Work]) -> tuple[tuple[str, str], ...] | None:
    """What the worker holds, with all it speaks of in the same breath: a lease that it settles here is held."""
    holding = works[-1].exchange.holding
    if holding is None:
        return None
    named = dict.fromkeys((held.job, held.lease) for held in holding)
    for work in works:
        exchange = work.exchange
        named |= dict.fromkeys((settle.job, settle.lease) for settle in exchange.settle)
        named |= dict.fromkeys((started.job, started.lease) for started in exchange.started)
        named |= dict.fromkeys((progress.job, progress.lease) for progress in exchange.progress)
    return tuple(named)


def _settlement(live: LiveSession, settle: Settle) -> Settlement:
    ref: SessionRef = live.ref
    return Settlement(
        job=settle.job,
        lease=settle.lease,
        session=ref.session,
        principal=ref.principal,
        namespace=live.namespace,
        outcome=settle.outcome,
        result=None if settle.result is msgspec.UNSET else bytes(settle.result),
        error=cut_error(settle.error),
        retryable=settle.retryable,
        delay_seconds=settle.delay_seconds,
        duration_seconds=settle.duration_seconds,
    )


def _verdicts(live: LiveSession, settles: Sequence[Settle], settled: Sequence[Settled]) -> list[Verdict]:
    """What the worker must be told; an accepted settle is not named."""
    verdicts: list[Verdict] = []
    for settle, answer in zip(settles, settled, strict=True):
        live.drop(settle.job, settle.lease)
        if answer.verdict is not _ACCEPTED:
            verdicts.append(
                Verdict(job=settle.job, lease=settle.lease, verdict=answer.verdict.value, reason=answer.reason)
            )
    return verdicts


def _cancel(renewed: Renewed, settling: set[tuple[str, str]] | None = None) -> tuple[CancelOrder, ...]:
    return tuple(
        CancelOrder(job=item.job, lease=item.lease, reason=item.reason)
        for item in renewed.cancelling
        if settling is None or (item.job, item.lease) not in settling
    )


def _start(call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.get_running_loop().create_task(call)


async def _both(renewing: asyncio.Task[Renewed] | None, settling: asyncio.Task[list[Settled]] | None) -> Renewed | None:
    """Wait for both, whatever becomes of either or of the caller: a settle under way is never cancelled."""
    calls: list[asyncio.Task[Any]] = [call for call in (renewing, settling) if call is not None]
    if calls:
        await asyncio.wait(calls)
    for error in [call.exception() for call in calls]:
        if error is not None:
            raise error
    return None if renewing is None else renewing.result()
