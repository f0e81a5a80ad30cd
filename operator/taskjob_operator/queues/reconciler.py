"""One look at a TaskQueue: read it, tell the api, bring its workers, write what is so.

Level-based and keyed by UID: what is remembered between looks only spares calls that would change nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from taskjob.wire.operator_messages import DeclaredQueue, QueueNumbers, QueuesEnsured, ToldTrouble
from taskjob_operator.door import DoorError
from taskjob_operator.events.queues import QueueEvents
from taskjob_operator.kube.resources import TASKQUEUES
from taskjob_operator.queues.agenda import Key
from taskjob_operator.queues.cluster import Cluster, Object
from taskjob_operator.queues.declaration import Declaration, read_declaration, refused
from taskjob_operator.queues.seen import Seen
from taskjob_operator.queues.status import COUNTING, NUMBERS_SECONDS, differs, status_of
from taskjob_operator.queues.stoppages import Stoppages, stoppage
from taskjob_operator.queues.trouble import Trouble
from taskjob_operator.queues.workers import Workers
from taskjob_operator.status.redact import redacted_line
from taskjob_operator.sweep.brake import Brake

log = logging.getLogger("taskjob.operator")

SETTLING_SECONDS = 5.0
"""A pool that is not as declared is looked at again, also if no event tells of it."""

RESYNC_SECONDS = 300.0

DECLARE_SECONDS = 60.0
"""The same declaration is told again after so long, for an api whose store was restored."""


_Gist = tuple[bytes, str | None]
"""What was declared, and the reason of a trouble."""


class QueueDoor(Protocol):
    """The api's side of the operator protocol, as far as TaskQueues need it. Raises `DoorError`."""

    async def ensure_queues(self, cluster_id: str, queues: Sequence[DeclaredQueue]) -> QueuesEnsured: ...


class Known(Protocol):
    """The latest numbers of the api, and which queues to ask about."""

    def of(self, key: Key) -> QueueNumbers | None: ...

    def follow(self, key: Key) -> None: ...

    def forget(self, key: Key) -> None: ...


class QueueReconciler:
    def __init__(
        self,
        cluster: Cluster,
        door: QueueDoor,
        numbers: Known,
        workers: Workers,
        *,
        stoppages: Stoppages,
        brake: Brake,
        events: QueueEvents,
        cluster_id: str,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._cluster_id = cluster_id
        self._cluster = cluster
        self._door = door
        self._numbers = numbers
        self._workers = workers
        self._stoppages = stoppages
        self._brake = brake
        self._events = events
        self._now = now
        self._told: dict[Key, tuple[_Gist, dt.datetime]] = {}

    async def look(self, key: Key) -> float | None:
        """Seconds until the next look that nobody has to ask for; None for a TaskQueue that is gone."""
        queue = await self._cluster.find(TASKQUEUES, *key)
        if queue is None or queue["metadata"].get("deletionTimestamp"):
            # Also while its dependents hold it: whoever deletes a queue wants no more of its jobs started.
            gone = DeclaredQueue(namespace=key[0], name=key[1], deleted=True)
            await self._door.ensure_queues(self._cluster_id, [gone])
            self._numbers.forget(key)
            self._told.pop(key, None)
            self._stoppages.gone(key)
            self._events.gone(key)
            return None
        self._numbers.follow(key)
        declared = read_declaration(queue)
        pool = await self._workers.bring(queue, declared)
        refused, unreachable = await self._declare(key, declared, pool.trouble)
        refused = declared.refused or refused
        numbers = self._numbers.of(key)
        self._stoppages.saw(key, stoppage(pool, numbers, refused))
        seen = Seen(
            generation=queue["metadata"]["generation"],
            mode=declared.mode,
            paused=declared.paused,
            pool=pool,
            numbers=numbers,
            refused=refused,
            unreachable=unreachable,
            orphans_held=self._brake.held(key[0]),
        )
        wait = await self._write(queue, seen)
        unsettled = unreachable is not None or pool.trouble is not None or pool.rolling
        return min(wait, SETTLING_SECONDS if unsettled else RESYNC_SECONDS)

    async def _declare(
        self, key: Key, declared: Declaration, trouble: Trouble | None
    ) -> tuple[Trouble | None, str | None]:
        """What the api refuses, and why it could not be asked. An outage of the api keeps nobody from workers. A
        trouble whose words changed and whose reason did not is told when the rest is told again."""
        gist = declared.limits, None if trouble is None else trouble.reason
        told, when = self._told.get(key, (None, self._now()))
        if declared.spec is None or (told == gist and (self._now() - when).total_seconds() < DECLARE_SECONDS):
            return None, None
        queue = DeclaredQueue(
            namespace=key[0],
            name=key[1],
            spec=msgspec.Raw(declared.limits),
            trouble=_as_told(trouble),
        )
        try:
            [answer] = (await self._door.ensure_queues(self._cluster_id, [queue])).queues
        except DoorError as error:
            return None, error.detail
        if answer.outcome == "ensured":
            self._told[key] = (gist, self._now())
            return None, None
        field = f"/spec{answer.field}" if answer.field else None
        return refused(answer.code or "Rejected", field, answer.detail or "the api refuses it"), None

    async def _write(self, queue: Object, seen: Seen) -> float:
        """Write the status if it says something new; how soon it may be worth it otherwise."""
        before = queue.get("status") or {}
        now = self._now()
        status = status_of(seen, before, now=_text(now))
        if not differs(status, before):
            self._events.said(queue, status)
            return RESYNC_SECONDS
        if not differs(status, before, ignore=COUNTING):
            since = (now - _moment(before.get("statsAt"))).total_seconds()
            if 0 <= since < NUMBERS_SECONDS:
                self._events.said(queue, status)
                return NUMBERS_SECONDS - since
        if not await self._cluster.write_status(queue, status):
            log.info("TaskQueue %(namespace)s/%(name)s went while its status was made", queue["metadata"])
            return SETTLING_SECONDS
        self._events.said(queue, status)
        return RESYNC_SECONDS


def _as_told(trouble: Trouble | None) -> ToldTrouble | None:
    return None if trouble is None else ToldTrouble(reason=trouble.reason, message=redacted_line(trouble.shown))


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str | None) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text or "")
    except ValueError:
        return dt.datetime.fromtimestamp(0, dt.UTC)
