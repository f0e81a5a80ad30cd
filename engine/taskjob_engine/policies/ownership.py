"""Whose a job is. Pure, used by every store and by the doors."""

from __future__ import annotations

from taskjob.model import Owner


def is_same_object(owner: Owner | None, other: Owner) -> bool:
    """Whether both name one custom resource: a name may come again for another object, a UID never does."""
    return owner is not None and owner.uid == other.uid and owner.cluster_id == other.cluster_id
