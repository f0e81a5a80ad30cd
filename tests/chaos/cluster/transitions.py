"""Every status that the API server tells of every TaskJob, as a watch sees it, and what may not follow what."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx2
from api_server import ApiServer, taskjobs

FINAL = {"Completed", "DeadLetter", "Cancelled", "Rejected"}


@dataclass(frozen=True)
class Seen:
    at: float
    phase: str
    incarnation: str
    run: int
    revision: int
    job: str


@dataclass
class Transitions:
    of: dict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    """By uid, oldest first; a status that was told again is noted once."""
    gone: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)

    def note(self, thing: dict[str, Any]) -> None:
        metadata, status = thing["metadata"], thing.get("status") or {}
        self.names[metadata["uid"]] = metadata["name"]
        now = Seen(
            time.time(),
            status.get("phase", ""),
            status.get("incarnation", ""),
            status.get("run", 0),
            status.get("revision", 0),
            status.get("jobID", ""),
        )
        told = self.of[metadata["uid"]]
        if not told or _order(told[-1]) != _order(now) or told[-1].phase != now.phase:
            told.append(now)

    def phase(self, uid: str) -> str:
        told = self.of.get(uid)
        return told[-1].phase if told else "Submitted"

    @property
    def count(self) -> int:
        return sum(len(told) for told in self.of.values())

    def backwards(self) -> list[str]:
        """Statuses that a later one may not have followed."""
        return [
            f"{self.names[uid]} ({uid}): {before} then {after}"
            for uid, told in self.of.items()
            for before, after in pairwise(told)
            if goes_back(before, after)
        ]

    async def follow(self, server: ApiServer, namespace: str) -> None:
        """List, watch, and again where the watch ends, until cancelled."""
        while True:
            listed = await server.get(taskjobs(namespace))
            here = {thing["metadata"]["uid"] for thing in listed["items"]}
            for thing in listed["items"]:
                self.note(thing)
            self.gone |= set(self.of) - here
            with contextlib.suppress(httpx2.HTTPError, ValueError, KeyError):
                await self._watch(server, namespace, listed["metadata"]["resourceVersion"])
            await asyncio.sleep(0.2)

    async def _watch(self, server: ApiServer, namespace: str, version: str) -> None:
        """Raises KeyError where the API server has forgotten the version (an event ERROR has no uid)."""
        params = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "300"}
        async with server.http.stream(
            "GET", taskjobs(namespace), params=params, timeout=httpx2.Timeout(20, read=60)
        ) as reply:
            async for line in reply.aiter_lines():
                event = json.loads(line)
                if event["type"] == "DELETED":
                    self.gone.add(event["object"]["metadata"]["uid"])
                else:
                    self.note(event["object"])


def _order(seen: Seen) -> tuple[str, int, int]:
    return seen.incarnation, seen.run, seen.revision


def goes_back(before: Seen, after: Seen) -> bool:
    """The store of a chaos run is never restored, so its incarnation stays; what ended stays ended in its run."""
    if before.phase == "Rejected":
        return after.phase != "Rejected"
    if before.incarnation and (after.incarnation != before.incarnation or after.job != before.job):
        return True
    if (after.run, after.revision) < (before.run, before.revision):
        return True
    return before.phase in FINAL and after.run == before.run and after.phase != before.phase
