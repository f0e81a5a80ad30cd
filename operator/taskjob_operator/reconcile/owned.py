"""The live jobs that TaskJobs of this cluster own, as the api has them."""

from __future__ import annotations

from taskjob.wire.operator_messages import OwnedJob, ReadOwned
from taskjob_operator.door import Door


async def read_owned(door: Door, cluster_id: str) -> list[OwnedJob]:
    """All pages. A job that is made or ends meanwhile may be in it or not."""
    found: list[OwnedJob] = []
    after: str | None = None
    while True:
        page = await door.owned(ReadOwned(cluster_id=cluster_id, after=after))
        found.extend(page.jobs)
        if page.after is None:
            return found
        after = page.after
