"""Who may come: sessions opened, resumed, and found again, each for a principal that may serve its queues."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from taskjob.errors import ForbiddenError, UnavailableError
from taskjob.model import new_lease_id
from taskjob.wire.gateway_session import Carrier, Enter, GatewaySession, Return
from taskjob.wire.message_limits import RefusedError
from taskjob.wire.messages import PROTOCOL_VERSION, Held, Welcome
from taskjob_api.gateway.authentication import WORKER_SCOPE, Authenticator, Principal
from taskjob_api.gateway.exchange import heed, standing, tidings
from taskjob_api.gateway.live import NO_OUTLET, Holding, LiveSession, LiveSessions, Outlet
from taskjob_api.gateway.parking import Parking
from taskjob_engine.engine import Engine
from taskjob_engine.store import Renewal, SessionOpen, SessionRef

AUTHENTICATION_SECONDS = 5.0
"""Longest time that a token's check may take."""

MAX_SESSIONS = 4096
"""Open sessions of one token in this process."""


class Admission:
    """`on_admitted` is called with each session that is one of this process from now on."""

    def __init__(
        self,
        engine: Engine,
        authenticator: Authenticator,
        sessions: LiveSessions,
        parking: Parking,
        clock: Callable[[], float],
        *,
        ttl_seconds: float,
        on_admitted: Callable[[LiveSession], None],
    ) -> None:
        self._engine = engine
        self._authenticator = authenticator
        self._sessions = sessions
        self._parking = parking
        self._clock = clock
        self._ttl_seconds = ttl_seconds
        self._on_admitted = on_admitted
        self._swept_at = clock()

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

    async def enter(
        self, intent: Enter, principal: Principal, rules: GatewaySession, outlet: Outlet
    ) -> tuple[LiveSession, Welcome]:
        """Open a session. Raises `ForbiddenError` for a namespace or queue that the token may not serve, `RefusedError`
        TooManySessions."""
        register = intent.register
        namespace = register.namespace or principal.namespace
        await _authorize(principal, namespace, register.queues)
        self._forget_silent(self._clock())
        if self._sessions.of(principal.name) >= MAX_SESSIONS:
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
                ttl_seconds=self._ttl_seconds,
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
        known = self._sessions.get(resume.session)  # no fence: a shortcut; the store judges whose it is
        known = known or await self._look_up(resume.session, principal)
        if known is None:
            raise RefusedError("SessionGone", "no such session, or it is over; register anew")
        await _authorize(principal, known.namespace, known.queues)
        if resume.witness is not None:
            await heed(self._engine, resume.witness)
        renewed = await self._engine.renew(
            Renewal(
                ref=SessionRef(session=resume.session, epoch=resume.epoch, principal=principal.name),
                ttl_seconds=self._ttl_seconds,
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

    async def find(self, session: str, epoch: int, principal: Principal) -> LiveSession:
        """The session of an HTTP call. Raises `RefusedError` SessionGone where it is unknown, another's, or over;
        `ForbiddenError` for a queue it may not serve any more; whether the epoch still counts, the store says."""
        live = self._sessions.get(session)  # no fence: a shortcut, compared below
        # After a restart, or resumed on another replica meanwhile.
        if live is None or live.ref.epoch < epoch:  # True: a look into the store at every call
            live = await self._look_up(session, principal)
        if live is None or live.ref != SessionRef(session=session, epoch=epoch, principal=principal.name):
            raise RefusedError("SessionGone", "no such session, or it is over; register anew")
        if live.rules.carrier is not Carrier.HTTP:
            raise RefusedError("OutOfOrder", "this session speaks over TCP; resume it to change the carrier")
        await _authorize(principal, live.namespace, live.queues)
        return live if self._sessions.is_current(live) else await self._admit_confirmed(live)

    def _admit(self, live: LiveSession, protocol: int) -> Welcome:
        now = live.heard_at = live.renewed_at = live.checked_at = self._clock()
        live.incarnation = self._engine.standing().incarnation
        self._forget_silent(now)
        older = self._sessions.add(live)
        if older is not None:
            older.rules.ended()
            self._parking.unpark(older)
            older.outlet.goaway("Superseded", 0.0)
        live.rules.bound()
        self._on_admitted(live)
        if live.rules.carrier is Carrier.TCP:
            self._parking.park(live, want=0)
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

    async def _admit_confirmed(self, live: LiveSession) -> LiveSession:
        """Nobody becomes a session of this process before the store has said that it is the caller's."""
        renewed = await self._engine.renew(Renewal(ref=live.ref, ttl_seconds=self._ttl_seconds))
        if not renewed.renewed:
            raise RefusedError("SessionGone", f"the session is over: {renewed.reason}; register anew")
        meanwhile = self._sessions.get(live.ref.session)
        if meanwhile is not None and meanwhile.ref == live.ref:
            return meanwhile
        if meanwhile is not None and meanwhile.ref.epoch > live.ref.epoch:
            raise RefusedError("SessionGone", "the session was resumed meanwhile")
        self._admit(live, protocol=PROTOCOL_VERSION)
        return live

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

    def _forget_silent(self, now: float) -> None:
        """HTTP sessions end without a sign; the store has long expired those that are forgotten here."""
        ttl = self._ttl_seconds
        if now - self._swept_at > ttl:
            self._swept_at = now
            for live in self._sessions:
                if live.rules.carrier is Carrier.HTTP and now - live.heard_at > 2 * ttl:
                    self._sessions.remove(live)


async def _authorize(principal: Principal, namespace: str, queues: tuple[str, ...]) -> None:
    for queue in queues:
        if not await principal.may_serve(namespace, queue):
            raise ForbiddenError(f"the token may not serve queue {queue!r} of namespace {namespace!r}")


def _inherit(live: LiveSession, older: LiveSession, holding: list[Held]) -> None:
    for held in holding:
        known = older.holding(held.job, held.lease)
        live.held[held.job] = known or Holding(held.lease)
