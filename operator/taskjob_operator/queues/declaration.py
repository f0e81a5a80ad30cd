"""Reading a TaskQueue: what it declares, or why it cannot be honoured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from taskjob.errors import TaskJobError
from taskjob.spec import TaskQueueSpec, read_stored_queue
from taskjob_operator.queues.trouble import Trouble

_DECLARED = ("limits", "jobDefaults", "paused")
"""The half of the spec that the api keeps."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """Either `spec` or `refused` is set. What is refused changes nothing: neither the api's queue nor its workers."""

    spec: TaskQueueSpec | None = None
    refused: Trouble | None = None
    limits: bytes = b"{}"
    """Limits, defaults and the declared pause, as `QueueDocument`."""
    paused: bool = False
    mode: str = "Manual"
    replicas: int = 1


def read_declaration(queue: Mapping[str, Any]) -> Declaration:
    raw = queue.get("spec") or {}
    paused = raw.get("paused") is True
    try:
        spec = read_stored_queue(raw)
    except TaskJobError as error:
        return Declaration(refused=refused(error.code, error.field, error.detail, error.hint), paused=paused)
    return Declaration(
        spec=spec,
        limits=msgspec.json.encode({key: raw[key] for key in _DECLARED if raw.get(key) is not None}),
        paused=paused,
        mode=spec.autoscaling.mode if spec.autoscaling is not None else "Manual",
        replicas=1 if spec.replicas is None else spec.replicas,
    )


def refused(code: str, field: str | None, detail: str, hint: str | None = None) -> Trouble:
    """As a person reads it beside `kubectl explain`: the field with dots."""
    where = field.strip("/").replace("/", ".") if field else ""
    said = where.removeprefix("spec.") in detail
    message = detail if said else f"{where}: {detail}"
    return Trouble(
        reason="InvalidSpec" if code == "Invalid" else code,
        message=f"{message}; {hint}" if hint else message,
        final=True,
    )
