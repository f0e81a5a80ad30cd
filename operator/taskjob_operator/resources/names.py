"""Names, labels and ports that the operator, its objects and the worker pods agree on."""

from __future__ import annotations

GROUP = "taskjob.dev"
API_VERSION = "taskjob.dev/v1alpha1"

FIELD_MANAGER = "taskjob-operator"
REPLICAS_MANAGER = "taskjob-operator-replicas"
"""Owns `spec.replicas` of the operator's Deployments, apart from the rest: whoever scales in mode Disabled takes the
field over, and applying the rest never sets it back."""

QUEUE_LABEL = "taskjob.dev/queue"
WORKER_LABEL = "taskjob.dev/worker"
"""`"true"` on a ServiceAccount: the operator's pods may run as it. On a pod: a worker, which the chart's NetworkPolicy
lets through to the gateway."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
WORKER_ACCOUNT = "taskjob-worker"
"""The ServiceAccount of workers whose TaskQueue names none. Whoever opens a namespace to workers makes it."""

WORKER_AUDIENCE = "taskjob-worker"
TOKEN_SECONDS = 3600
TOKEN_FOLDER = "/var/run/secrets/taskjob"  # noqa: S105 - a path
WORKER_PORT = 9091
CONTAINER = "worker"
TERMINATION_MARGIN_SECONDS = 15
"""Between the end of a worker's drain and the kill: time to settle and say goodbye."""


def workload_name(queue: str) -> str:
    """The name of the Deployment and the PodDisruptionBudget of a queue."""
    return f"taskqueue-{queue}"


def selector_labels(queue: str) -> dict[str, str]:
    """What a Deployment selects its pods by. It can never change: a Deployment's selector is immutable."""
    return {QUEUE_LABEL: queue, MANAGED_BY_LABEL: FIELD_MANAGER}


def selector(queue: str) -> str:
    """The same as text, for `/scale` and for lists."""
    return ",".join(f"{key}={value}" for key, value in selector_labels(queue).items())


def object_labels(queue: str) -> dict[str, str]:
    return {
        **selector_labels(queue),
        "app.kubernetes.io/name": "taskjob-worker",
        "app.kubernetes.io/instance": queue,
        "app.kubernetes.io/component": "worker",
        "app.kubernetes.io/part-of": "taskjob",
    }


def owner_reference(queue: str, uid: str) -> dict[str, object]:
    """With the TaskQueue its objects go. It never blocks the queue's deletion."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskQueue",
        "name": queue,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
