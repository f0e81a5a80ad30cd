"""What both carriers share: sessions opened, resumed, kept, drained and ended, against the engine.

Which message may come when is `GatewaySession`'s business; how bytes come and go is the carrier's. Here an intent
becomes calls of the engine, and their outcome an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from taskjob.errors import (
    ForbiddenError,
    OutcomeUnknownError,
    TaskJobError,
    UnauthenticatedError,
    UnavailableError,
)
from taskjob.model import new_lease_id
from taskjob.wire.gateway_session import Carrier, Enter, GatewaySession, Return
from taskjob.wire.message_limits import RefusedError
from taskjob.wire.messages import PROTOCOL_VERSION, Failure, Held, Renew, Submit, Submitted, Update, Welcome
from taskjob_api.gateway.authentication import WORKER_SCOPE, Authenticator, DocumentReader, Principal
from taskjob_api.gateway.cancels import CancelPushes
from taskjob_api.gateway.departures import Departures
from taskjob_api.gateway.doomed import Doomed
from taskjob_api.gateway.exchange import Exchanges, heed, standing, tidings
from taskjob_api.gateway.live import Holding, LiveSession, LiveSessions, Outlet
from taskjob_api.gateway.liveness import ProcessWatch
from taskjob_api.gateway.submits import submit_jobs
from taskjob_engine.dispatcher import Sink
from taskjob_engine.engine import Engine
from taskjob_engine.store import Renewal, SessionEnd, SessionOpen, SessionRef

log = logging.getLogger(__name__)

AUTHENTICATION_SECONDS = 5.0
"""Longest time that a token's check may take."""


MAX_SESSIONS = 4096
"""Open sessions of one token in this process."""


class WorkerGateway:
    """Belongs to one event loop. Hand it to the carriers; stop them first, then it."""

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        documents: DocumentReader,
        *,
        clock: Callable[[], float] | None = None,
        processes: ProcessWatch | None = None,
        doomed: Doomed | None = None,
    ) -> None:
        self.clock = clock or asyncio.get_running_loop().time
        self.sessions = LiveSessions()
        self.exchanges = Exchanges(engine, self.clock)
        self.stopping = False
        self._swept_at = self.clock()
        self._engine = engine
        self._authenticator = authenticator
        self._documents = documents
        doomed = doomed or Doomed(self.clock)
        doomed.connected = lambda principal: self.sessions.of(principal) > 0
        self._departures = Departures(engine, self.sessions, processes or ProcessWatch(), doomed)
        self._cancels = CancelPushes(engine, self.exchanges, self.sessions, self.clock)

    async def stop(self) -> None:
        """Let go of every session: they live on in the store, and are resumed on the next process."""
        self.stopping = True
        await self._cancels.stop()
        await self._departures.stop()

    async def authenticate(self, token: str | None, *, peer_is_loopback: bool) -> Principal:
        """The worker behind the token. Raises `UnauthenticatedError`, `ForbiddenError`, `UnavailableError`."""
        try:
            async with asyncio.timeout(AUTHENTICATION_SECONDS):
                principal = await self._authenticator.authenticate(token, peer_is_loopback=peer_is_loopback)
        except TimeoutError as error:
            raise UnavailableError("the token could not be checked in time") from error
        if WORKER_SCOPE not in principal.scopes:
            raise ForbiddenError("the token lacks the scope worker", hint="taskjob token create --scope worker")
        return principal

    async def review(self, live: LiveSession | None, token: str | None, *, peer_is_loopback: bool) -> None:
        """Whether a standing connection may go on. Raises as `authenticate` does, and `ForbiddenError` for a queue that
        the token may not serve any more."""
        principal = await self.authenticate(token, peer_is_loopback=peer_is_loopback)
        if live is not None:
            await _authorize(principal, live.namespace, live.queues)

    # ---- coming

    async def enter(
        self, intent: Enter, principal: Principal, rules: GatewaySession, outlet: Outlet
    ) -> tuple[LiveSession, Welcome]:
        """Open a session. Raises `ForbiddenError` for a namespace or queue that the token may not serve, `RefusedError`
        TooManySessions."""
        register = intent.register
        namespace = register.namespace or principal.namespace
        await _authorize(principal, namespace, register.queues)
        self._forget_silent(self.clock())
        if self.sessions.of(principal.name) >= MAX_SESSIONS:
            raise RefusedError("TooManySessions", f"the token has {MAX_SESSIONS} sessions here; end some, or wait")
        if register.witness is not None:
            await heed(self._engine, register.witness)
        session = new_lease_id()
        epoch = await self._engine.open_session(
            SessionOpen(
                session=session,
                principal=principal.name,
                worker=register.worker,
                namespace=namespace,
                queues=tuple(dict.fromkeys(register.queues)),
                tasks=tuple(dict.fromkeys(register.tasks)),
                slots=register.slots,
                carrier=rules.carrier.value,
                ttl_seconds=self.exchanges.ttl_seconds,
            )
        )
        live = LiveSession(
            SessionRef(session=session, epoch=epoch, principal=principal.name),
            namespace=namespace,
            queues=register.queues,
            tasks=register.tasks,
            slots=register.slots,
            rules=rules,
            outlet=outlet,
            process=register.process,
        )
        return live, self._admit(live, intent.protocol)

    async def come_back(
        self, intent: Return, principal: Principal, rules: GatewaySession, outlet: Outlet
    ) -> tuple[LiveSession, Welcome]:
        """Resume a session under a new epoch: what it does not hold is released, and older connections count no
        more. Raises `RefusedError` SessionGone, `ForbiddenError`."""
        resume = intent.resume
        known = self.sessions.get(resume.session) or await self._look_up(resume.session, principal)
        if known is None:
            raise RefusedError("SessionGone", "no such session, or it is over; register anew")
        await _authorize(principal, known.namespace, known.queues)
        if resume.witness is not None:
            await heed(self._engine, resume.witness)
        renewed = await self._engine.renew(
            Renewal(
                ref=SessionRef(session=resume.session, epoch=resume.epoch, principal=principal.name),
                ttl_seconds=self.exchanges.ttl_seconds,
                holding=tuple((held.job, held.lease) for held in resume.holding),
                new_epoch=True,
            )
        )
        if not renewed.renewed:
            raise RefusedError("SessionGone", f"the session cannot be resumed: {renewed.reason}; register anew")
        live = LiveSession(
            SessionRef(session=resume.session, epoch=renewed.epoch, principal=principal.name),
            namespace=known.namespace,
            queues=known.queues,
            tasks=tuple(known.tasks),
            slots=known.slots,
            rules=rules,
            outlet=outlet,
            process=resume.process or known.process,
        )
        live.tidings = tidings(renewed)
        lost = {(item.job, item.lease) for item in renewed.lost}
        _inherit(live, known, [held for held in resume.holding if (held.job, held.lease) not in lost])
        return live, self._admit(live, intent.protocol)

    def _admit(self, live: LiveSession, protocol: int) -> Welcome:
        now = live.heard_at = live.renewed_at = live.checked_at = self.clock()
        live.incarnation = self._engine.standing().incarnation
        self._forget_silent(now)
        older = self.sessions.add(live)
        if older is not None:
            older.rules.ended()
            self._engine.dispatcher.unpark(older.ref.session, older)
            older.outlet.goaway("Superseded", 0.0)
        live.rules.bound()
        self._cancels.listen(live.namespace)
        if live.rules.carrier is Carrier.TCP:
            self.park(live, want=0)
        ttl = self._engine.settings.session_ttl_seconds
        return Welcome(
            protocol=protocol,
            session=live.ref.session,
            epoch=live.ref.epoch,
            namespace=live.namespace,
            ttl_seconds=max(1, round(ttl)),
            heartbeat_seconds=max(1, round(ttl / 3)),
            witness=standing(self._engine),
        )

    def _forget_silent(self, now: float) -> None:
        """HTTP sessions end without a sign; the store has long expired those that are forgotten here."""
        ttl = self.exchanges.ttl_seconds
        if now - self._swept_at > ttl:
            self._swept_at = now
            for live in self.sessions:
                if live.rules.carrier is Carrier.HTTP and now - live.heard_at > 2 * ttl:
                    self.sessions.remove(live)

    async def _look_up(self, session: str, principal: Principal) -> LiveSession | None:
        """A session that this process has not met: it came before a restart, or from another replica."""
        info = await self._engine.session(session)
        if info is None:
            return None
        return LiveSession(
            SessionRef(session=session, epoch=info.epoch, principal=principal.name),
            namespace=info.namespace,
            queues=info.queues,
            tasks=info.tasks,
            slots=info.slots,
            rules=GatewaySession(Carrier(info.carrier)),
            outlet=NO_OUTLET,
        )

    async def find(self, session: str, epoch: int, principal: Principal) -> LiveSession:
        """The session of an HTTP call. Raises `RefusedError` SessionGone where it is unknown, another's, or over;
        `ForbiddenError` for a queue it may not serve any more; whether the epoch still counts, the store says."""
        live = self.sessions.get(session)
        # After a restart, or resumed on another replica meanwhile.
        if live is None or live.ref.epoch < epoch:  # True: a look into the store at every call
            live = await self._look_up(session, principal)
        if live is None or live.ref != SessionRef(session=session, epoch=epoch, principal=principal.name):
            raise RefusedError("SessionGone", "no such session, or it is over; register anew")
        if live.rules.carrier is not Carrier.HTTP:
            raise RefusedError("OutOfOrder", "this session speaks over TCP; resume it to change the carrier")
        await _authorize(principal, live.namespace, live.queues)
        return live if self.sessions.is_current(live) else await self._admit_confirmed(live)

    async def _admit_confirmed(self, live: LiveSession) -> LiveSession:
        """Nobody becomes a session of this process before the store has said that it is the caller's."""
        renewed = await self._engine.renew(Renewal(ref=live.ref, ttl_seconds=self.exchanges.ttl_seconds))
        if not renewed.renewed:
            raise RefusedError("SessionGone", f"the session is over: {renewed.reason}; register anew")
        meanwhile = self.sessions.get(live.ref.session)
        if meanwhile is not None and meanwhile.ref == live.ref:
            return meanwhile
        if meanwhile is not None and meanwhile.ref.epoch > live.ref.epoch:
            raise RefusedError("SessionGone", "the session was resumed meanwhile")
        self._admit(live, protocol=PROTOCOL_VERSION)
        return live

    # ---- staying

    def park(self, live: LiveSession, want: int) -> None:
        """Let the dispatcher push to the session (TCP)."""
        self._engine.dispatcher.park(
            live.ref,
            namespace=live.namespace,
            queues=live.queues,
            tasks=live.tasks,
            want=want,
            sink=live,
            room=live.room,
        )

    def unpark(self, live: LiveSession) -> None:
        self._engine.dispatcher.unpark(live.ref.session, live)

    def credit(self, live: LiveSession, want: int) -> None:
        if self.sessions.is_current(live):
            self._engine.dispatcher.credit(live.ref.session, want)

    def wait_for_jobs(self, live: LiveSession, want: int, seq: int, sink: Sink) -> None:
        """Let the dispatcher answer one call (HTTP)."""
        self._engine.dispatcher.park(
            live.ref,
            namespace=live.namespace,
            queues=live.queues,
            tasks=live.tasks,
            want=want,
            sink=sink,
            room=live.room,
            seq=seq,
        )

    def wait_no_more(self, live: LiveSession, sink: Sink) -> bool:
        """True: a lease call is under way, whose answer still comes."""
        return self._engine.dispatcher.unpark(live.ref.session, sink)

    def withdraw(self, live: LiveSession) -> None:
        """What the session still wants is void."""
        if self.sessions.is_current(live):
            self._engine.dispatcher.withdraw(live.ref.session)

    async def drain(self, live: LiveSession) -> None:
        """Let people see that the session takes no more work. Raises `UnavailableError`, `OutcomeUnknownError`."""
        self.withdraw(live)
        renewal = Renewal(ref=live.ref, ttl_seconds=self.exchanges.ttl_seconds, draining=True)
        await self._engine.renew(renewal)

    async def submit(self, live: LiveSession, message: Submit, principal: Principal) -> Submitted:
        return await submit_jobs(self._engine, self._documents, message, namespace=live.namespace, principal=principal)

    async def keep_alive(self, message: Renew, principal: Principal) -> Update:
        """Renew from beside the worker, or learn there that it is dead."""
        ref = SessionRef(session=message.session, epoch=message.epoch, principal=principal.name)
        if message.dead:
            await self._engine.close_session(SessionEnd(ref=ref, within_seconds=0.0))
            return Update(renewed=False, witness=standing(self._engine))
        renewed = await self._engine.renew(Renewal(ref=ref, ttl_seconds=self.exchanges.ttl_seconds))
        return Update(renewed=renewed.renewed, witness=standing(self._engine))

    # ---- going

    async def leave(self, live: LiveSession) -> None:
        """The worker says bye: what it still holds goes back uncharged."""
        self._engine.dispatcher.unpark(live.ref.session, live)
        await self._engine.close_session(SessionEnd(ref=live.ref, release=True))
        self.sessions.remove(live)

    def disconnected(self, live: LiveSession) -> None:
        """The session's connection is gone. Nothing happens where a newer one took over, or this process stops."""
        self._engine.dispatcher.unpark(live.ref.session, live)
        if not self.stopping and self.sessions.is_current(live):
            self.sessions.remove(live)
            self._departures.begin(live)


class _NoOutlet:
    """A session without a connection in this process."""

    def push(self, update: Update) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def goaway(self, reason: str, after_seconds: float) -> None:
        """There is nobody to tell."""


NO_OUTLET = _NoOutlet()


def failure_of(error: Exception) -> Failure:
    """The wire's word for an error of the engine or of authentication."""
    if isinstance(error, RefusedError):
        return error.failure
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        return Failure(code=error.code, detail=error.detail)
    if isinstance(error, UnavailableError | OutcomeUnknownError):
        return Failure(code="Unavailable", detail=error.detail)
    log.error("an exchange failed", exc_info=error)
    detail = error.detail if isinstance(error, TaskJobError) else "internal error; see the server's log"
    return Failure(code="Unavailable", detail=detail)


async def _authorize(principal: Principal, namespace: str, queues: tuple[str, ...]) -> None:
    for queue in queues:
        if not await principal.may_serve(namespace, queue):
            raise ForbiddenError(f"the token may not serve queue {queue!r} of namespace {namespace!r}")


def _inherit(live: LiveSession, older: LiveSession, holding: list[Held]) -> None:
    for held in holding:
        known = older.holding(held.job, held.lease)
        live.held[held.job] = known or Holding(held.lease)
