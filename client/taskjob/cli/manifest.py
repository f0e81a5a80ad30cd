"""From REST's flat shape to the object that `apply` and kubectl read, and back. Pure.

What `get -o yaml` prints can be applied again: on the same server it is the same job, elsewhere a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskjob.cli.words import attempt
from taskjob.client.views import JobView, QueueView
from taskjob.model import parse_time

API_VERSION = "taskjob.dev/v1alpha1"

_SPEC = (
    "queue",
    "task",
    "payload",
    "priority",
    "startAfter",
    "retry",
    "timeoutSeconds",
    "activeDeadlineSeconds",
    "idempotencyKey",
    "concurrencyKey",
    "suspend",
    "ttlSecondsAfterFinished",
    "ttlSecondsAfterFailed",
)
_COMPARED = frozenset(_SPEC) - {"idempotencyKey"} | {"labels"}
_STATUS = (
    "reason",
    "message",
    "revision",
    "run",
    "attempts",
    "lost",
    "interruptions",
    "worker",
    "progress",
    "result",
    "resultRef",
    "lastError",
    "dueAt",
    "startedAt",
    "finishedAt",
)
_SILENT: dict[str, Any] = {"suspend": False, "priority": 0}
MUTABLE = ("priority", "suspend", "ttlSecondsAfterFinished", "ttlSecondsAfterFailed")


def job_object(job: JobView) -> dict[str, Any]:
    told = job.document
    spec = {key: told[key] for key in _SPEC if told.get(key) is not None and told[key] != _SILENT.get(key)}
    if job.run:
        spec["rerun"] = job.run
    status = {"phase": job.phase.pascal, "jobID": job.id, "attempt": attempt(job)}
    status |= {key: told[key] for key in _STATUS if told.get(key) not in (None, "")}
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskJob",
        "metadata": _metadata(job.shown, job.namespace, told),
        "spec": spec,
        "status": status,
    }


def queue_object(queue: QueueView) -> dict[str, Any]:
    told = queue.document
    spec = {key: told[key] for key in ("limits", "jobDefaults") if told.get(key)}
    if queue.paused:
        spec["paused"] = True
    status = {key: told[key] for key in ("pausedBy", "pausedReason", "pausedUntil") if told.get(key)}
    return {
        "apiVersion": API_VERSION,
        "kind": "TaskQueue",
        "metadata": _metadata(queue.name, queue.namespace, told),
        "spec": spec,
        "status": {"state": queue.state, **status},
    }


def job_body(metadata: Mapping[str, Any], spec: Mapping[str, Any], *, name: str, generated: bool) -> dict[str, Any]:
    """The REST document of a TaskJob. A named object without a key gets `name/<name>`: applied twice, one job."""
    body = {key: spec[key] for key in _SPEC if spec.get(key) is not None}
    body["name"] = name
    if metadata.get("labels"):
        body["labels"] = metadata["labels"]
    if not generated:
        body.setdefault("idempotencyKey", f"name/{name}")
    return body


def queue_body(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {key: spec[key] for key in ("limits", "jobDefaults", "paused") if spec.get(key) is not None}


def differences(body: Mapping[str, Any], job: JobView) -> list[str]:
    """Names of the fields whose value in `body` is another than the job has. What `body` leaves out may be anything."""
    told = job.document
    return [key for key in body if key in _COMPARED and not _same(key, body[key], told.get(key))]


def _same(key: str, wanted: Any, actual: Any) -> bool:
    if key == "startAfter" and actual is not None:
        return parse_time(str(wanted)) == parse_time(str(actual))
    if isinstance(wanted, Mapping) and key == "retry":
        return isinstance(actual, Mapping) and all(_same(key, item, actual.get(name)) for name, item in wanted.items())
    return bool(wanted == actual)


def _metadata(name: str, namespace: str, told: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    if told.get("labels"):
        metadata["labels"] = told["labels"]
    if told.get("createdAt"):
        metadata["creationTimestamp"] = told["createdAt"]
    return metadata
