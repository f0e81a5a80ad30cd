"""Where a result stands: in the job's row while it is small, else as an artifact of the delivery that made it.

It moves bytes and decides nothing about the lease: an object put for a settle that the store then refuses is
taken back here, one whose fate is unknown stays until the job is pruned.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from taskjob.model import Job
from taskjob_engine.artifacts import ArtifactStore, lease_prefix, result_key
from taskjob_engine.store import JobRef, JobStore, Settled, Settlement, SettleVerdict


class Results:
    def __init__(self, store: JobStore, artifacts: ArtifactStore, inline_bytes: int) -> None:
        self._store = store
        self._artifacts = artifacts
        self._inline_bytes = inline_bytes

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """Settle with large results placed first, so that a recorded reference always names an object."""
        limit = self._inline_bytes
        large = [index for index, item in enumerate(items) if item.result is not None and len(item.result) > limit]
        if not large:
            return await self._store.settle(items)
        placed = list(items)
        fresh: dict[int, str] = {}
        for index in large:
            placed[index], created = await self._move(items[index])
            if created is not None:
                fresh[index] = created
        verdicts = await self._store.settle(placed)
        for index, key in fresh.items():
            if verdicts[index].verdict is not SettleVerdict.ACCEPTED and not await self._names(items[index], key):
                await self._artifacts.delete_prefix(key)
        return verdicts

    async def read(self, job: Job) -> bytes | None:
        if job.result_ref is not None:
            return await self._artifacts.get(job.result_ref)
        return None if job.result is None else bytes(job.result)

    async def _names(self, item: Settlement, key: str) -> bool:
        [job] = await self._store.get([JobRef(namespace=item.namespace, id=item.job)])
        return job is not None and job.result_ref == key

    async def _move(self, item: Settlement) -> tuple[Settlement, str | None]:
        """The settlement with a reference instead of its result, and the object's key where it was made just now."""
        [job] = await self._store.get([JobRef(namespace=item.namespace, id=item.job)])
        if job is None:  # the store will say that it knows no such job
            return msgspec.structs.replace(item, result=None), None
        assert item.result is not None
        key = result_key(lease_prefix(job.namespace, job.id, job.run, job.deliveries, item.lease), item.result)
        created = await self._artifacts.put(key, item.result)
        return msgspec.structs.replace(item, result=None, result_ref=key), key if created else None
