"""Complete lists of the TaskJobs that exist: their uids alone."""

from __future__ import annotations

from collections.abc import Sequence

from taskjob_operator.kube.client import CONTINUED_TOO_LATE, KubeClient
from taskjob_operator.kube.errors import KubeError
from taskjob_operator.kube.resources import TASKJOBS

TRIES = 5


async def list_uids(kube: KubeClient, namespaces: Sequence[str]) -> set[str]:
    """Of all namespaces served (none named: of the cluster). Each list is complete or the call fails."""
    uids: set[str] = set()
    for namespace in namespaces or (None,):
        uids |= await _list(kube, TASKJOBS.collection(namespace))
    return uids


async def _list(kube: KubeClient, collection: str) -> set[str]:
    for _ in range(TRIES):
        uids: set[str] = set()
        try:
            async for page in kube.pages(collection, metadata_only=True):
                uids.update(item["metadata"]["uid"] for item in page)
        except KubeError as error:
            if error.status == CONTINUED_TOO_LATE:
                continue  # it grew too old half-way: a part of a list proves nothing
            raise
        return uids
    raise KubeError(503, "Expired", f"no complete list of {collection} in {TRIES} tries")
