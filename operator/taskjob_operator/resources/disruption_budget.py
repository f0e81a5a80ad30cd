"""The PodDisruptionBudget of a queue's workers: a drain of nodes takes a quarter of them at a time."""

from __future__ import annotations

from typing import Any

from taskjob_operator.resources.names import object_labels, owner_reference, selector_labels, workload_name


def disruption_budget(*, namespace: str, queue: str, owner_uid: str, replicas: int) -> dict[str, Any] | None:
    """None for a single worker: a budget would block the drain of its node for ever, and its jobs are handed back.

    Workers that are not ready may always be evicted, so that a broken image blocks no node either.
    """
    if replicas <= 1:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": workload_name(queue),
            "namespace": namespace,
            "labels": object_labels(queue),
            "ownerReferences": [owner_reference(queue, owner_uid)],
        },
        "spec": {
            "maxUnavailable": "25%",
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector_labels(queue)},
        },
    }
