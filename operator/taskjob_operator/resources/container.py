"""The worker's container: command, environment, probes, and a security context that PodSecurity *restricted* takes."""

from __future__ import annotations

from typing import Any

from taskjob.spec.pod_environment import RESERVED_VARIABLE_PREFIX
from taskjob.spec.worker import WorkerSpec
from taskjob_operator.resources.names import CONTAINER, TOKEN_FOLDER, WORKER_PORT

COMMAND = ("taskjob", "worker")
DEFAULT_CONCURRENCY = 10
TOKEN_VOLUME = "taskjob-token"  # noqa: S105 - a name
SCRATCH_VOLUME = "taskjob-tmp"
SCRATCH = "/tmp"  # noqa: S108 - inside the worker's container

SECURITY_CONTEXT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}

READINESS = {
    "httpGet": {"path": "/healthz", "port": "metrics"},
    "periodSeconds": 2,
    "timeoutSeconds": 2,
    "failureThreshold": 5,
}
"""Connected to the api. Busy or full is ready all the same: readiness never means busy.

There is no liveness probe on purpose. The worker's guardian never runs user code, watches the worker process and
replaces it; a probe answered by that process would kill a worker for a task that keeps its loop busy, and one that
waits for the api would restart every worker in an outage of the api.
"""


def container(worker: WorkerSpec, *, queue: str, gateway_url: str) -> dict[str, Any]:
    """The one container of a worker pod."""
    template = worker.template
    built: dict[str, Any] = {
        "name": CONTAINER,
        "image": worker.image,
        "command": [*COMMAND, *(worker.modules or ())],
        "env": environment(worker, queue=queue, gateway_url=gateway_url),
        "ports": [{"name": "metrics", "containerPort": WORKER_PORT, "protocol": "TCP"}],
        "readinessProbe": READINESS,
        "securityContext": SECURITY_CONTEXT,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts(worker),
    }
    if worker.image_pull_policy is not None:
        built["imagePullPolicy"] = worker.image_pull_policy
    if worker.resources is not None:
        built["resources"] = _dump(worker.resources)
    if template is not None and template.env_from:
        built["envFrom"] = [_dump(source) for source in template.env_from]
    return built


def environment(worker: WorkerSpec, *, queue: str, gateway_url: str) -> list[dict[str, Any]]:
    """The operator's variables, then the user's; a user's name that begins with TASKJOB_ is left out (the documents
    refuse it, an object from before they did may still have it)."""
    ours: dict[str, str] = {
        "TASKJOB_GATEWAY": gateway_url,
        "TASKJOB_TOKEN_FILE": f"{TOKEN_FOLDER}/token",
        "TASKJOB_WORKER_QUEUES": queue,
        "TASKJOB_WORKER_CONCURRENCY": str(worker.concurrency or DEFAULT_CONCURRENCY),
        "TASKJOB_WORKER_DRAIN_SECONDS": str(worker.drain_seconds),
        "TASKJOB_WORKER_METRICS_HOST": "0.0.0.0",  # noqa: S104 - probes and Prometheus come from outside the pod
        "TASKJOB_WORKER_METRICS_PORT": str(WORKER_PORT),
    }
    pod = {
        "TASKJOB_WORKER_NAME": "metadata.name",
        "TASKJOB_NAMESPACE": "metadata.namespace",
        "TASKJOB_POD_UID": "metadata.uid",
    }
    return [
        *({"name": name, "value": value} for name, value in ours.items()),
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in pod.items()),
        *(_dump(variable) for variable in worker.env or () if not variable.name.startswith(RESERVED_VARIABLE_PREFIX)),
    ]


def mounts(worker: WorkerSpec) -> list[dict[str, Any]]:
    """The token and, unless the user mounts something there, a writable /tmp."""
    theirs = [_dump(mount) for mount in (worker.template.volume_mounts if worker.template else None) or ()]
    built = [{"name": TOKEN_VOLUME, "mountPath": TOKEN_FOLDER, "readOnly": True}]
    if all(mount["mountPath"].rstrip("/") != SCRATCH for mount in theirs):
        built.append({"name": SCRATCH_VOLUME, "mountPath": SCRATCH})
    return [*built, *theirs]


def _dump(document: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = document.model_dump(by_alias=True, exclude_none=True)
    return dumped
