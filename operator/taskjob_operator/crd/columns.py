"""What `kubectl get` shows, and with `-o wide`. Ratios and durations are ready strings of the status."""

from __future__ import annotations

from typing import Any

Column = dict[str, Any]


def _column(name: str, path: str, kind: str = "string") -> Column:
    return {"name": name, "type": kind, "jsonPath": path}


def _wide(name: str, path: str, kind: str = "string") -> Column:
    return _column(name, path, kind) | {"priority": 1}


_AGE = _column("AGE", ".metadata.creationTimestamp", "date")

JOB_COLUMNS: list[Column] = [
    _column("PHASE", ".status.phase"),
    _column("REASON", ".status.reason"),
    _column("QUEUE", ".spec.queue"),
    _column("TASK", ".spec.task"),
    _column("ATTEMPT", ".status.attempt"),
    _AGE,
    _wide("PRIORITY", ".spec.priority", "integer"),
    _wide("WORKER", ".status.worker"),
    _wide("PROGRESS", ".status.progress"),
    _wide("DURATION", ".status.duration"),
    _wide("MESSAGE", ".status.message"),
]

QUEUE_COLUMNS: list[Column] = [
    _column("STATE", ".status.state"),
    _column("PENDING", ".status.depth", "integer"),
    _column("RUNNING", ".status.running", "integer"),
    _column("WORKERS", ".status.workers"),
    _column("OLDEST", ".status.oldest"),
    _AGE,
    _wide("DELAYED", ".status.delayed", "integer"),
    _wide("FAILED", ".status.failed", "integer"),
    _wide("MODE", ".spec.autoscaling.mode"),
    _wide("LASTSCALE", ".status.lastScale.message"),
]
