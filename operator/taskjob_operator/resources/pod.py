"""The template of a worker pod: what the TaskQueue may choose, inside what it may not."""

from __future__ import annotations

from typing import Any

from taskjob.spec.worker import WorkerSpec
from taskjob_operator.resources.container import SCRATCH_VOLUME, TOKEN_VOLUME, container, mounts
from taskjob_operator.resources.names import (
    TERMINATION_MARGIN_SECONDS,
    TOKEN_SECONDS,
    WORKER_ACCOUNT,
    WORKER_AUDIENCE,
    WORKER_LABEL,
    object_labels,
    selector_labels,
)

VOLUME_GROUP = 65532
"""Claims are made writable for this group; files of other volumes are readable for everyone in the pod."""

_PLACEMENT = ("node_selector", "tolerations", "affinity", "topology_spread_constraints", "image_pull_secrets")


def pod_template(worker: WorkerSpec, *, queue: str, gateway_url: str) -> dict[str, Any]:
    """`spec.template` of the Deployment. Passes PodSecurity *restricted* whatever the document says."""
    template = worker.template
    chosen = {} if template is None else template.model_dump(by_alias=True, exclude_none=True)
    labels = {**chosen.get("labels", {}), **object_labels(queue), WORKER_LABEL: "true"}
    metadata: dict[str, Any] = {"labels": labels}
    if chosen.get("annotations"):
        metadata["annotations"] = chosen["annotations"]
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "containers": [container(worker, queue=queue, gateway_url=gateway_url)],
        "enableServiceLinks": False,  # a Service named taskjob-api would set TASKJOB_API_PORT
        "restartPolicy": "Always",
        "securityContext": _pod_security(chosen.get("volumes", ())),
        "serviceAccountName": worker.service_account_name or WORKER_ACCOUNT,
        "terminationGracePeriodSeconds": worker.drain_seconds + TERMINATION_MARGIN_SECONDS,
        "volumes": [*_own_volumes(worker), *chosen.get("volumes", ())],
    }
    if template is not None:
        for field in _PLACEMENT:
            name = type(template).model_fields[field].alias or field
            if chosen.get(name):
                spec[name] = chosen[name]
    _count_own_pods(spec.get("topologySpreadConstraints", ()), queue)
    return {"metadata": metadata, "spec": spec}


def _pod_security(volumes: Any) -> dict[str, Any]:
    context: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    if any("persistentVolumeClaim" in volume for volume in volumes):
        context |= {"fsGroup": VOLUME_GROUP, "fsGroupChangePolicy": "OnRootMismatch"}
    return context


def _own_volumes(worker: WorkerSpec) -> list[dict[str, Any]]:
    used = {mount["name"] for mount in mounts(worker)}
    token = {"path": "token", "audience": WORKER_AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    volumes: list[dict[str, Any]] = [
        {"name": TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": SCRATCH_VOLUME, "emptyDir": {}},
    ]
    return [volume for volume in volumes if volume["name"] in used]


def _count_own_pods(constraints: Any, queue: str) -> None:
    """A spread without a selector counts no pods at all: it means the workers of this queue."""
    for constraint in constraints:
        constraint.setdefault("labelSelector", {"matchLabels": selector_labels(queue)})
