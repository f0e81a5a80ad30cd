"""TaskQueues that scale one Deployment: they agree on how many pods it has, or none of them scales it. Pure.

Whoever went ahead would be set back by the other, which an event of the Deployment then tells to both: pods would come
and go as fast as the API server answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from taskjob_operator.queues.declaration import read_declaration
from taskjob_operator.queues.trouble import Trouble
from taskjob_operator.resources.names import GROUP

NAMED = 3
"""Of those that disagree, so many are named."""


def conflict(
    deployment: Mapping[str, Any], queue: Mapping[str, Any], replicas: int, queues: Iterable[Mapping[str, Any]]
) -> Trouble | None:
    """Why `queue`, which wants `replicas`, must not scale the Deployment that it refers to; `queues` are those of its
    namespace."""
    name = deployment["metadata"]["name"]
    for owner in deployment["metadata"].get("ownerReferences") or ():
        ours = owner.get("kind") == "TaskQueue" and str(owner.get("apiVersion", "")).startswith(f"{GROUP}/")
        if ours and owner.get("uid") != queue["metadata"]["uid"]:
            return _trouble(
                f"Deployment {name} has the workers of TaskQueue {owner.get('name')}, which says how many they are:"
                " set autoscaling.mode to Disabled here"
            )
    others = {
        other["metadata"]["name"]: number
        for other in queues
        if other["metadata"]["uid"] != queue["metadata"]["uid"]
        and (number := _wanted_of(other, name)) not in {None, replicas}
    }
    if not others:
        return None
    named = ", ".join(f"{one} ({number})" for one, number in sorted(others.items())[:NAMED])
    return _trouble(
        f"Deployment {name} is scaled by other TaskQueues to another number: {named}; give all of them the same"
        " spec.replicas, or set autoscaling.mode to Disabled in all but one"
    )


def _wanted_of(queue: Mapping[str, Any], deployment: str) -> int | None:
    """The pods that a TaskQueue wants of that Deployment; None: it does not say."""
    reference = (queue.get("spec") or {}).get("deploymentRef") or {}
    if reference.get("name") != deployment or queue["metadata"].get("deletionTimestamp"):
        return None
    declared = read_declaration(queue)
    return declared.replicas if declared.spec is not None and declared.mode == "Manual" else None


def _trouble(message: str) -> Trouble:
    return Trouble(condition="ScalingConflict", reason="ScalingConflict", message=message, final=True)
