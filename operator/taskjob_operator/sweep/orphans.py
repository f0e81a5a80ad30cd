"""Which of the owned jobs have lost their TaskJob, and whether so many at once can be right. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from taskjob.wire.operator_messages import OwnedJob

LEAST = 10
SHARE = 0.2


def absent(owned: Sequence[OwnedJob], present: Collection[str]) -> list[OwnedJob]:
    """Those whose object is not in a complete list that began after they were read."""
    return [one for one in owned if one.owner.uid not in present]


def braked(orphans: int, owned: int) -> bool:
    """More than a few, and more than a fifth of all: rather a mistake (a restored cluster, a wrong cluster id, a
    definition deleted) than somebody's wish. A person decides."""
    return orphans > max(LEAST, SHARE * owned)
