"""TaskQueues on a real API server, and what the operator makes of them, for tests that look from the outside."""

from __future__ import annotations

import itertools
import json
from typing import Any

from control_plane import ControlPlane, RefusedError
from live_operator import eventually

QUEUES = "/apis/taskjob.dev/v1alpha1"
MERGE = "application/merge-patch+json"
_numbers = itertools.count(1)


class Queues:
    """TaskQueues of one namespace that was opened to workers, as a user of Kubernetes handles them."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.namespace = f"queues-{next(_numbers)}"
        self.collection = f"{QUEUES}/namespaces/{self.namespace}/taskqueues"
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace, "labels": labels}})
        self.account("taskjob-worker", worker="true")

    def account(self, name: str, **labels: str) -> None:
        metadata = {"name": name, "labels": {f"taskjob.dev/{key}": value for key, value in labels.items()}}
        self.plane.call("POST", f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": metadata})

    def create(self, name: str, **spec: Any) -> dict[str, Any]:
        body = {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": name}, "spec": spec}
        return dict(self.plane.call("POST", self.collection + "?fieldValidation=Strict", body))

    def edit(self, name: str, **spec: Any) -> None:
        self.plane.call("PATCH", f"{self.collection}/{name}", {"spec": spec}, MERGE)

    def delete(self, name: str) -> None:
        self.plane.call("DELETE", f"{self.collection}/{name}")

    def get(self, name: str) -> dict[str, Any]:
        return dict(self.plane.call("GET", f"{self.collection}/{name}"))

    def status(self, name: str) -> dict[str, Any]:
        return dict(self.get(name).get("status") or {})

    def until(self, name: str, **fields: Any) -> dict[str, Any]:
        """Its status once it says this of its newest spec."""

        def reached() -> bool:
            found = self.get(name)
            status = found.get("status") or {}
            seen = status.get("observedGeneration") == found["metadata"]["generation"]
            return seen and status.items() >= fields.items()

        eventually(reached, f"{name} {fields}: {json.dumps(self.status(name))}")
        return self.status(name)

    def until_condition(self, name: str, kind: str, status: str, reason: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            found = condition(self.status(name), kind)
            return found if (found.get("status"), found.get("reason")) == (status, reason) else None

        found: dict[str, Any] = eventually(reached, f"{name} {kind}: {json.dumps(self.status(name))}")
        return found

    def object(self, path: str) -> dict[str, Any] | None:
        """`apps/v1 deployments/name`-like: of this namespace, None where there is none."""
        root, _, rest = path.partition(" ")
        prefix = f"/apis/{root}" if "/" in root else f"/api/{root}"
        try:
            return dict(self.plane.call("GET", f"{prefix}/namespaces/{self.namespace}/{rest}"))
        except RefusedError as error:
            if error.code == 404:
                return None
            raise

    def deployment(self, queue: str) -> dict[str, Any] | None:
        return self.object(f"apps/v1 deployments/taskqueue-{queue}")

    def replicas(self, queue: str) -> int | None:
        found = self.deployment(queue)
        return None if found is None else int(found["spec"]["replicas"])

    def image(self, queue: str) -> str | None:
        found = self.deployment(queue)
        return None if found is None else str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((each for each in status.get("conditions", ()) if each["type"] == kind), {})
