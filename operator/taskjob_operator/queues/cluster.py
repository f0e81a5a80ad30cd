"""Verbs on the objects of a TaskQueue. Bodies are plain dictionaries, as JSON has them; refusals are `KubeError`s."""

from __future__ import annotations

from typing import Any

import msgspec

from taskjob_operator.kube.client import APPLY_PATCH, KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKQUEUES, Resource
from taskjob_operator.resources.names import FIELD_MANAGER, REPLICAS_MANAGER

Object = dict[str, Any]

DEPLOYMENTS = Resource("apps", "v1", "deployments")
DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets")
PODS = Resource("", "v1", "pods")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts")

MERGE_PATCH = "application/merge-patch+json"


class Cluster:
    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube

    async def find(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """None if it is not there for certain. A path that is not served now proves nothing and is raised."""
        try:
            found: Object = msgspec.json.decode(await self._kube.get(resource.path(namespace, name)))
        except KubeError as error:
            if error.says_missing(name):
                return None
            raise
        return found

    async def pods(self, namespace: str, selector: str, *, limit: int) -> list[Object]:
        """At most `limit` of them, from the API server's cache."""
        body = await self._kube.get(
            PODS.collection(namespace), labelSelector=selector, limit=str(limit), resourceVersion="0"
        )
        return list(msgspec.json.decode(body).get("items") or ())

    async def queues(self, namespace: str) -> list[Object]:
        return [queue async for page in self._kube.pages(TASKQUEUES.collection(namespace)) for queue in page]

    async def apply(self, resource: Resource, desired: Object, *, uid: str | None) -> Object:
        """Server-side apply with force. With `uid` only to that very object: another one of the name is a 409."""
        if uid is not None:
            desired = {**desired, "metadata": {**desired["metadata"], "uid": uid}}
        return await self._apply(resource, desired, FIELD_MANAGER)

    async def apply_replicas(self, desired: Object) -> Object:
        return await self._apply(DEPLOYMENTS, desired, REPLICAS_MANAGER)

    async def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Of a Deployment that is someone else's."""
        path = DEPLOYMENTS.path(namespace, name) + "/scale"
        await self._kube.patch(path, {"spec": {"replicas": replicas}}, MERGE_PATCH, fieldManager=REPLICAS_MANAGER)

    async def delete(self, resource: Resource, found: Object) -> None:
        """That very object; gone already is fine."""
        metadata = found["metadata"]
        try:
            await self._kube.delete(resource.path(metadata["namespace"], metadata["name"]), metadata["uid"])
        except KubeError as error:
            if error.status not in {404, 409}:
                raise

    async def write_status(self, queue: Object, status: Object) -> bool:
        """False if the object is gone. Raises 422 also where it is another one by now."""
        metadata = queue["metadata"]
        try:
            await self._kube.put_status(
                TASKQUEUES.path(metadata["namespace"], metadata["name"]), metadata["uid"], status
            )
        except KubeError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def _apply(self, resource: Resource, desired: Object, manager: str) -> Object:
        metadata = desired["metadata"]
        applied: Object = msgspec.json.decode(
            await self._kube.patch(
                resource.path(metadata["namespace"], metadata["name"]),
                desired,
                APPLY_PATCH,
                fieldManager=manager,
                force="true",
                fieldValidation="Strict",
            )
        )
        return applied
