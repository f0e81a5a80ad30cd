"""The Deployment of a queue's workers, as it is applied."""

from __future__ import annotations

from typing import Any

from taskjob.spec.worker import WorkerSpec
from taskjob_operator.resources.names import object_labels, owner_reference, selector_labels, workload_name
from taskjob_operator.resources.pod import pod_template

PROGRESS_SECONDS = 600
HISTORY = 3


def deployment(
    worker: WorkerSpec, *, namespace: str, queue: str, owner_uid: str, gateway_url: str, replicas: int | None
) -> dict[str, Any]:
    """What server-side apply gets. With `replicas` only where the Deployment does not exist yet: later that field
    has its own manager (`replicas_of`).

    A rollout starts the new worker before it drains the old one, so that the queue never has fewer than it should.
    """
    spec: dict[str, Any] = {
        "progressDeadlineSeconds": PROGRESS_SECONDS,
        "revisionHistoryLimit": HISTORY,
        "selector": {"matchLabels": selector_labels(queue)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "template": pod_template(worker, queue=queue, gateway_url=gateway_url),
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": workload_name(queue),
            "namespace": namespace,
            "labels": object_labels(queue),
            "ownerReferences": [owner_reference(queue, owner_uid)],
        },
        "spec": spec,
    }


def replicas_of(namespace: str, name: str, replicas: int) -> dict[str, Any]:
    """Applied by the replicas' own manager to a Deployment that exists."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas},
    }
