"""Who may act: the holder of the Lease, for as long as it is certain to hold it.

A leader counts from the moment *before* it sent the last renewal that was accepted, on a clock that goes on while the
process is frozen or the machine sleeps; another takes over only after it has itself watched the Lease stand still for
the whole lease time. So a leader that was frozen finds itself without authority before anything else, and writes
nothing (`check` stands before each write). Wall clocks are written for people and read by nobody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import LEASES

logger = logging.getLogger(__name__)
LEASE_NAME = "taskjob-operator"


def uptime() -> float:
    """Seconds since the machine started, time asleep included where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class NotLeadingError(Exception):
    """Another may lead: this process must not act."""


class Leadership:
    """`kube` has a connection of its own, so that a flood of writes cannot cost the Lease."""

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        identity: str,
        *,
        lease_seconds: float = 8.0,
        clock: Callable[[], float] = uptime,
    ) -> None:
        self._kube = kube
        self._collection = LEASES.collection(namespace)
        self._path = LEASES.path(namespace, LEASE_NAME)
        self._namespace = namespace
        self.identity = identity
        self._lease_seconds = lease_seconds
        self._certain_seconds = lease_seconds * 0.8
        self._renew_seconds = lease_seconds / 5
        self._clock = clock
        self._deadline = 0.0
        self._seen: tuple[str, float] | None = None

    @property
    def leading(self) -> bool:
        return self._clock() < self._deadline

    def check(self) -> None:
        """Raises `NotLeadingError` where another may be leading."""
        if not self.leading:
            raise NotLeadingError("the Lease is not held for certain")

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        failures = 0
        while True:
            try:
                if await self._try_once():
                    logger.info("leading as %s", self.identity)
                    return
            except KubeError as error:
                if not error.transient:
                    raise
                if failures % 30 == 0:
                    logger.warning("the Lease %s: %s; trying again", self._path, error)
                failures += 1
            await asyncio.sleep(self._renew_seconds / 2)

    async def keep(self) -> None:
        """Renew until the Lease is lost, which raises `NotLeadingError`."""
        pause = self._renew_seconds
        while True:
            await asyncio.sleep(pause)
            pause = self._renew_seconds
            try:
                if not await self._try_once():
                    raise NotLeadingError("another operator holds the Lease")
            except KubeError as error:
                logger.warning("the Lease could not be renewed: %s", error)
                pause = self._renew_seconds / 4
            self.check()

    async def release(self) -> None:
        """Let the next one lead at once. Only after everything else has stopped."""
        if not self.leading:
            return
        self._deadline = 0.0
        try:
            lease = msgspec.json.decode(await self._kube.get(self._path))
            if lease["spec"].get("holderIdentity") == self.identity:
                lease["spec"]["holderIdentity"] = ""
                await self._kube.replace(self._path, lease)
        except (KubeError, KeyError) as error:
            logger.warning("the Lease could not be released: %s", error)

    async def _try_once(self) -> bool:
        """Renew or take the Lease where that is possible now."""
        asked_at = self._clock()
        try:
            lease = msgspec.json.decode(await self._kube.get(self._path))
        except KubeError as error:
            if error.status != 404:
                raise
            await self._kube.create(self._collection, self._written({"metadata": self._metadata(), "spec": {}}))
            self._deadline = asked_at + self._certain_seconds
            return True
        holder = (lease.get("spec") or {}).get("holderIdentity") or ""
        if holder not in {"", self.identity} and not self._stands_still(lease["metadata"]["resourceVersion"]):
            return False
        try:
            await self._kube.replace(self._path, self._written(lease))
        except KubeError as error:
            if error.status == 409:
                return holder == self.identity and self.leading
            raise
        self._deadline = asked_at + self._certain_seconds
        return True

    def _stands_still(self, version: str) -> bool:
        """Whether we have watched this version of the Lease for the whole lease time."""
        now = self._clock()
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        return now - self._seen[1] >= self._lease_seconds

    def _metadata(self) -> dict[str, str]:
        return {"name": LEASE_NAME, "namespace": self._namespace}

    def _written(self, lease: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict(lease.get("spec") or {})
        if spec.get("holderIdentity") != self.identity:
            spec |= {"acquireTime": now, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        spec |= {
            "holderIdentity": self.identity,
            "renewTime": now,
            "leaseDurationSeconds": max(round(self._lease_seconds), 1),
        }
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": lease["metadata"],
            "spec": spec,
        }
