"""A watch of one kind in one namespace, for rights that are given namespace by namespace.

kopf watches every kind in the same namespaces, and ends where it may not look; worker pods and Deployments may be
seen only where somebody opened a namespace to workers. No deletion is missed: a new list is compared with what was
known before.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import msgspec

from taskjob_operator.kube.backoff import Backoff
from taskjob_operator.kube.client import KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import Resource

log = logging.getLogger("taskjob.operator")

Object = dict[str, Any]
Observe = Callable[[Object, bool], None]
"""Takes an object, and whether it is gone (then this was its last state). Must only note it and return."""

PAGE = 500
WATCH_SECONDS = 270
SILENT_SECONDS = 75.0
"""Bookmarks come every minute."""

FORBIDDEN_SECONDS = 15.0
"""How soon it is tried again where the operator has no rights."""


class NamespacedWatch:
    def __init__(
        self, kube: KubeClient, resource: Resource, namespace: str, observe: Observe, *, selector: str = ""
    ) -> None:
        self._kube = kube
        self._path = resource.collection(namespace)
        self._observe = observe
        self._query = {"labelSelector": selector} if selector else {}
        self._known: dict[str, Object] = {}
        self._version = ""
        self._backoff = Backoff()

    async def run(self) -> None:
        """Until cancelled. Whatever ends it begins it anew, later each time until it tells something again."""
        while True:
            try:
                await self._list()
                while True:
                    await self._follow()
                    await asyncio.sleep(self._backoff.next())
            except KubeError as error:
                if error.status == 403:
                    log.debug("no right to watch %s", self._path)
                    await asyncio.sleep(FORBIDDEN_SECONDS)
                    continue
                if error.status != 410:
                    log.warning("the watch of %s ended: %s", self._path, error)
                await asyncio.sleep(max(self._backoff.next(), error.retry_after or 0.0))

    async def _list(self) -> None:
        present: dict[str, Object] = {}
        query = {**self._query, "limit": str(PAGE)}
        while True:
            page = msgspec.json.decode(await self._kube.get(self._path, **query))
            for found in page.get("items") or ():
                present[found["metadata"]["uid"]] = found
            metadata = page.get("metadata", {})
            if not metadata.get("continue"):
                break
            query["continue"] = metadata["continue"]
        self._version = metadata.get("resourceVersion", "")
        gone = [last for uid, last in self._known.items() if uid not in present]
        self._known = {uid: _slim(found) for uid, found in present.items()}
        for last in gone:
            self._observe(last, True)  # noqa: FBT003 - told which by its contract
        for found in present.values():
            self._observe(found, False)  # noqa: FBT003

    async def _follow(self) -> None:
        """One connection's worth of events; returns when the server ends it in peace."""
        query = {
            **self._query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(WATCH_SECONDS // 2, WATCH_SECONDS)),  # noqa: S311 - jitter
        }
        async for line in self._kube.lines(self._path, silent_seconds=SILENT_SECONDS, **query):
            if line:
                self._take(msgspec.json.decode(line))

    def _take(self, event: Any) -> None:
        kind, found = event["type"], event["object"]
        if kind == "ERROR":
            raise KubeError(found.get("code", 500), found.get("reason", ""), found.get("message", ""))
        self._version = found["metadata"]["resourceVersion"]
        self._backoff.reset()
        if kind == "BOOKMARK":
            return
        uid = found["metadata"]["uid"]
        if kind == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = _slim(found)
        self._observe(found, kind == "DELETED")


def _slim(found: Object) -> Object:
    """What is remembered of an object: what its end might be told from."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in {"managedFields", "annotations"}}
    return {"metadata": metadata, "status": found.get("status") or {}}
