"""Worker sessions as this process knows them: bound to which connection, serving what, holding which leases.

A cache beside the store's rows: it may forget (a restart, another replica) and is then refilled from the store. It
decides nothing about leases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from taskjob.wire.gateway_session import GatewaySession
from taskjob.wire.messages import MAX_ITEMS, Grant, ProcessIdentity, Update
from taskjob_engine.store import Granted, SessionRef

PREFETCH = 2 * MAX_ITEMS
"""Leases that a session may hold beyond its slots."""


class Outlet(Protocol):
    """The carrier's way to the worker. Calls neither block nor raise; after the connection's end they do nothing."""

    def push(self, update: Update) -> bool:
        """Send an update that answers nothing. False: there is no way now."""
        ...

    def goaway(self, reason: str, after_seconds: float) -> None:
        """Ask the worker to come back on a new connection, and close this one."""
        ...


class Holding:
    """A lease this session holds. `run` and `delivery` are None until looked up, where only the worker told of it."""

    __slots__ = ("delivery", "lease", "run")

    def __init__(self, lease: str, run: int | None = None, delivery: int | None = None) -> None:
        self.lease = lease
        self.run = run
        self.delivery = delivery


class LiveSession:
    """One epoch of a session in this process; a resume makes a new one.

    It is the dispatcher's sink of a session that grants are pushed to (TCP).
    """

    def __init__(
        self,
        ref: SessionRef,
        *,
        namespace: str,
        queues: Sequence[str],
        tasks: Sequence[str],
        slots: int,
        rules: GatewaySession,
        outlet: Outlet,
        process: ProcessIdentity | None = None,
    ) -> None:
        self.ref = ref
        self.namespace = namespace
        self.queues = tuple(queues)
        self.tasks = frozenset(tasks)
        self.slots = slots
        self.rules = rules
        self.outlet = outlet
        self.process = process
        self.held: dict[str, Holding] = {}
        self.holders: dict[str, LiveSession] = {}
        """All sessions of the process by the jobs they hold."""
        self.tidings: Update | None = None
        """What a resume found lost or to be stopped, to be told right behind the welcome."""
        self.heard_at = 0.0
        """When its worker last spoke, on the loop's clock."""
        self.renewed_at = 0.0
        """When the store last heard of that."""
        self.incarnation = ""
        """The store's, when it did: another one voids the session."""
        self.checked_at = 0.0
        """When cancel orders were last asked for."""

    # ---- leases

    def room(self) -> int:
        """How many more leases the session may hold."""
        return self.slots + PREFETCH - len(self.held)

    def take(self, grants: Sequence[Granted]) -> tuple[Grant, ...]:
        """Remember the grants as held; returns them as the wire's words."""
        for grant in grants:
            self.hold(grant.job, Holding(grant.lease, grant.run, grant.delivery))
        return tuple(map(_grant, grants))

    def hold(self, job: str, holding: Holding) -> None:
        self.held[job] = holding
        self.holders[job] = self

    def holding(self, job: str, lease: str) -> Holding | None:
        found = self.held.get(job)
        return found if found is not None and found.lease == lease else None

    def drop(self, job: str, lease: str) -> None:
        if self.holding(job, lease) is not None:
            del self.held[job]
            if self.holders.get(job) is self:
                del self.holders[job]

    def keep(self, named: Iterable[tuple[str, str]]) -> None:
        """Forget what the worker does not name: the reply that granted it was lost, and the store releases it."""
        for job, lease in {(job, holding.lease) for job, holding in self.held.items()}.difference(named):
            self.drop(job, lease)

    # ---- sink of the dispatcher

    def granted(self, grants: tuple[Granted, ...]) -> bool:
        if not self.outlet.push(Update(jobs=self.take(grants))):
            for grant in grants:
                self.drop(grant.job, grant.lease)
            return False
        self.rules.granted(len(grants))
        return True

    def nothing(self) -> None:
        """A pushed session goes on waiting."""

    def refused(self, reason: str) -> None:
        if reason == "OutcomeUnknown":
            self.outlet.goaway("Unavailable", 1.0)
        else:
            self.rules.ended()
            self.outlet.push(Update(renewed=False))


class LiveSessions:
    """The sessions of this process by id; at most one epoch of each."""

    def __init__(self) -> None:
        self._sessions: dict[str, LiveSession] = {}
        self._principals: Counter[str] = Counter()
        self._holders: dict[str, LiveSession] = {}

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(list(self._sessions.values()))

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, principal: str) -> int:
        """How many sessions of a principal are here."""
        return self._principals[principal]

    def get(self, session: str) -> LiveSession | None:
        return self._sessions.get(session)

    def is_current(self, live: LiveSession) -> bool:
        return self._sessions.get(live.ref.session) is live

    def add(self, live: LiveSession) -> LiveSession | None:
        """Returns the older epoch that it replaces."""
        older = self._sessions.get(live.ref.session)
        if older is not None:
            self.remove(older)
        self._sessions[live.ref.session] = live
        self._principals[live.ref.principal] += 1
        live.holders = self._holders
        for job in live.held:
            self._holders[job] = live
        return older

    def remove(self, live: LiveSession) -> None:
        if self.is_current(live):
            del self._sessions[live.ref.session]
            self._principals[live.ref.principal] -= 1
            if not self._principals[live.ref.principal]:
                del self._principals[live.ref.principal]
            for job in live.held:
                if self._holders.get(job) is live:
                    del self._holders[job]

    def holder(self, job: str) -> LiveSession | None:
        """Which session of this process was last granted the job and has not settled it."""
        return self._holders.get(job)


def _grant(granted: Granted) -> Grant:
    return Grant(
        job=granted.job,
        lease=granted.lease,
        queue=granted.queue,
        task=granted.task,
        payload=msgspec.Raw(granted.payload),
        run=granted.run,
        delivery=granted.delivery,
        attempt=granted.attempt,
        max_attempts=granted.max_attempts,
        timeout_seconds=granted.timeout_seconds,
        checkpoint=msgspec.UNSET if granted.checkpoint is None else msgspec.Raw(granted.checkpoint),
        labels=granted.labels,
        suspect=granted.suspect,
    )


class _NoOutlet:
    """A session without a connection in this process."""

    def push(self, update: Update) -> bool:  # noqa: ARG002 - the protocol's signature
        return False

    def goaway(self, reason: str, after_seconds: float) -> None:
        """There is nobody to tell."""


NO_OUTLET = _NoOutlet()
