"""Fields whose feature is not built yet: part of the vocabulary, refused by the doors that cannot honour them.

What a pool of workers needs is honoured in a cluster, by the operator, and nowhere else. A door calls this before it
validates, so that a person reads `NotYetSupported` and not a complaint about a value that would not help either way.
Nothing is accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskjob.errors import NotYetSupportedError
from taskjob.spec.limits import pointer

Refusals = Mapping[tuple[str, ...], str]
"""Path of a field → what to do instead."""

_JOB: Refusals = {
    ("dependsOn",): "submit the next job from inside the first with Context.submit",
    ("array",): "submit the jobs as a batch",
    ("payloadRef",): "put an address into the payload and let the task fetch it",
    ("schedules",): "submit the job from cron",
}
_IN_CLUSTER = "it belongs to the operator; start workers with `taskjob worker`"
_QUEUE: Refusals = {
    ("circuitBreaker",): "pause the queue by hand",
    ("jobDefaults", "activeDeadlineSeconds"): "write it into the job",
}
_POOL: Refusals = {
    ("worker",): _IN_CLUSTER,
    ("deploymentRef",): _IN_CLUSTER,
    ("replicas",): _IN_CLUSTER,
    ("autoscaling",): _IN_CLUSTER,
}
_FIXED = "set autoscaling.mode to Manual, or Disabled, and leave the rest of autoscaling out"
_AUTOSCALING: Refusals = {
    ("autoscaling", name): _FIXED
    for name in (
        "minReplicas",
        "maxReplicas",
        "targetQueueDelaySeconds",
        "idleSeconds",
        "scaleDownStabilizationSeconds",
    )
}
_LATER_MODES = ("Builtin", "External")


def refuse_later_fields(kind: str, spec: Any, field: str = "/spec", *, in_cluster: bool = False) -> None:
    """Raise `NotYetSupportedError` naming the first such field; `field` points at `spec` in its document."""
    if kind == "TaskSchedule":
        raise NotYetSupportedError(
            "TaskSchedule is not built yet", field="/kind", hint="submit the job from cron with `taskjob submit`"
        )
    if kind != "TaskQueue":
        _refuse(_JOB, spec, field)
        return
    _refuse(_QUEUE, spec, field)
    if not in_cluster:
        _refuse(_POOL, spec, field)
    elif _present(spec, ("autoscaling", "mode")) and spec["autoscaling"]["mode"] in _LATER_MODES:
        mode = spec["autoscaling"]["mode"]
        raise NotYetSupportedError(
            f"autoscaling.mode {mode} is not built yet", field=f"{field}/autoscaling/mode", hint=_FIXED
        )
    else:
        _refuse(_AUTOSCALING, spec, field)


def _refuse(later: Refusals, spec: Any, field: str) -> None:
    for path, hint in later.items():
        if _present(spec, path):
            raise NotYetSupportedError(f"{'.'.join(path)} is not built yet", field=field + pointer(*path), hint=hint)


def _present(spec: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(spec, Mapping) or spec.get(part) is None:
            return False
        spec = spec[part]
    return True
