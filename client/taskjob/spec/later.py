"""Fields whose feature is not built yet: part of the vocabulary, refused by the doors that cannot honour them.

A door calls this before it validates, so that a person reads `NotYetSupported` and not a complaint about a
value that would not help either way. Nothing is accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskjob.errors import NotYetSupportedError
from taskjob.spec.limits import pointer

_JOB = {
    ("dependsOn",): "submit the next job from inside the first with Context.submit",
    ("array",): "submit the jobs as a batch",
    ("payloadRef",): "put an address into the payload and let the task fetch it",
    ("schedules",): "submit the job from cron",
}
_IN_CLUSTER = "it belongs to the operator; start workers with `taskjob worker`"
_QUEUE = {
    ("worker",): _IN_CLUSTER,
    ("deploymentRef",): _IN_CLUSTER,
    ("replicas",): _IN_CLUSTER,
    ("autoscaling",): _IN_CLUSTER,
    ("circuitBreaker",): "pause the queue by hand",
    ("jobDefaults", "activeDeadlineSeconds"): "write it into the job",
}


def refuse_later_fields(kind: str, spec: Any, field: str = "/spec") -> None:
    """Raise `NotYetSupportedError` naming the first such field; `field` points at `spec` in its document."""
    if kind == "TaskSchedule":
        raise NotYetSupportedError(
            "TaskSchedule is not built yet", field="/kind", hint="submit the job from cron with `taskjob submit`"
        )
    for path, hint in (_QUEUE if kind == "TaskQueue" else _JOB).items():
        if _present(spec, path):
            raise NotYetSupportedError(f"{'.'.join(path)} is not built yet", field=field + pointer(*path), hint=hint)


def _present(spec: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(spec, Mapping) or spec.get(part) is None:
            return False
        spec = spec[part]
    return True
