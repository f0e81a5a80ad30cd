"""Facts about worker pods on their way to the api: each told once, soon, and again if the api did not answer."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from taskjob.model import parse_time
from taskjob.wire.operator_messages import MAX_ITEMS, EndedPod, PodsEnded
from taskjob_operator.door import DoorError
from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.pods.facts import Fact, fact_of

log = logging.getLogger("taskjob.operator")

REMEMBERED = 10_000
"""Facts that were told and are not told again: an object says the same in each of its events."""

WAITING = 10_000
"""Facts kept while the api does not answer. The oldest go first: their leases lapsed by themselves."""


class PodDoor(Protocol):
    async def end_pods(self, pods: Sequence[EndedPod]) -> PodsEnded: ...


class PodEnds:
    def __init__(self, door: PodDoor) -> None:
        self._door = door
        self._told: OrderedDict[tuple[str, str | None, bool], None] = OrderedDict()
        self._waiting: OrderedDict[tuple[str, str | None, bool], Fact] = OrderedDict()
        self._some = asyncio.Event()

    def observe(self, pod: Mapping[str, Any], gone: bool) -> None:  # noqa: FBT001 - a watch's signature
        """Note what this state of a pod proves."""
        fact = fact_of(pod, gone=gone)
        if fact is None:
            return
        key = (fact.uid, fact.before, fact.certain)
        if key in self._told:
            return
        self._told[key] = None
        self._waiting[key] = fact
        _bound(self._told, REMEMBERED)
        _bound(self._waiting, WAITING)
        self._some.set()

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff(most=5.0)
        while True:
            await self._some.wait()
            some = dict(list(self._waiting.items())[:MAX_ITEMS])
            try:
                answer = await self._door.end_pods([_told(fact) for fact in some.values()])
            except DoorError as error:
                log.warning("the end of %d worker pods could not be told: %s", len(some), error.detail)
                if error.transient:
                    await asyncio.sleep(max(backoff.next(), error.retry_after or 0.0))
                    continue
                answer = PodsEnded(sessions=())
            backoff.reset()
            for key in some:
                self._waiting.pop(key, None)
            for fact, sessions in zip(some.values(), answer.sessions, strict=False):
                if sessions:
                    log.info("worker pod %s/%s is over: %s", fact.namespace, fact.name, fact.reason)
            if not self._waiting:
                self._some.clear()


def _told(fact: Fact) -> EndedPod:
    return EndedPod(
        namespace=fact.namespace,
        name=fact.name,
        uid=fact.uid,
        reason=fact.reason,
        message=fact.message,
        connected_before=None if fact.before is None else parse_time(fact.before),
        certain=fact.certain,
    )


def _bound(remembered: OrderedDict[Any, Any], most: int) -> None:
    while len(remembered) > most:
        remembered.popitem(last=False)
