"""The workers of a TaskQueue as they are, wherever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from taskjob_operator.queues.trouble import Trouble


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """`declared` is False where workers run elsewhere: nothing is known of their pods. `desired` is None where nobody
    said how many there should be."""

    declared: bool = False
    replicas: int = 0
    desired: int | None = None
    ready: int = 0
    selector: str = ""
    rolling: bool = False
    """A rollout or a change of their number is under way."""
    drain_seconds: int | None = None
    trouble: Trouble | None = None


def pool_of(deployment: Mapping[str, Any], *, desired: int | None, trouble: Trouble | None = None) -> Pool:
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    wanted = spec.get("replicas", 1) if desired is None else desired
    replicas, ready = status.get("replicas", 0), status.get("readyReplicas", 0)
    rolling = (
        status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0)
        or status.get("updatedReplicas", 0) < wanted
        or replicas != wanted
        or ready < wanted
    )
    grace = spec.get("template", {}).get("spec", {}).get("terminationGracePeriodSeconds")
    return Pool(
        declared=True,
        replicas=replicas,
        desired=wanted,
        ready=ready,
        selector=_selector(spec.get("selector", {})),
        rolling=rolling,
        drain_seconds=grace,
        trouble=trouble,
    )


def _selector(selector: Mapping[str, Any]) -> str:
    """As text, the way `/scale` wants it."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or ():
        values = ",".join(each.get("values") or ())
        match each.get("operator"):
            case "In":
                parts.append(f"{each['key']} in ({values})")
            case "NotIn":
                parts.append(f"{each['key']} notin ({values})")
            case "Exists":
                parts.append(each["key"])
            case _:
                parts.append(f"!{each['key']}")
    return ",".join(parts)
