"""Whether worker pods may run as a ServiceAccount: only one that somebody set aside for workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskjob_operator.resources.names import WORKER_LABEL


def refusal(account: Mapping[str, Any] | None, name: str, namespace: str) -> str | None:
    """Why not, with the mend; None if they may. The operator never labels or makes a ServiceAccount: that right
    would be a way to any identity of the namespace."""
    if account is None:
        return (
            f"there is no ServiceAccount {name} in {namespace}: kubectl create serviceaccount {name} -n {namespace} && "
            f"kubectl label serviceaccount {name} -n {namespace} {WORKER_LABEL}=true"
        )
    labels = account.get("metadata", {}).get("labels") or {}
    if labels.get(WORKER_LABEL) != "true":
        return (
            f"ServiceAccount {name} is not labelled for workers: "
            f"kubectl label serviceaccount {name} -n {namespace} {WORKER_LABEL}=true"
        )
    return None
