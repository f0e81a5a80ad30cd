"""The kinds that the operator speaks of, and their paths."""

from __future__ import annotations

import msgspec

GROUP = "taskjob.dev"
VERSION = "v1alpha1"


class Resource(msgspec.Struct, frozen=True):
    group: str
    version: str
    plural: str

    def collection(self, namespace: str | None = None) -> str:
        """The path of all objects, or of one namespace's."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"

    def path(self, namespace: str, name: str) -> str:
        return f"{self.collection(namespace)}/{name}"


TASKJOBS = Resource(GROUP, VERSION, "taskjobs")
TASKQUEUES = Resource(GROUP, VERSION, "taskqueues")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
EVENTS = Resource("events.k8s.io", "v1", "events")
