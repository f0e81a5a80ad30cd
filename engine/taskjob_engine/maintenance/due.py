"""How long until the store next has something due."""

from __future__ import annotations

from taskjob.model.times import SECOND
from taskjob_engine.store import JobStore


async def due_in_seconds(store: JobStore) -> float | None:
    """Not negative; None where nothing is due as far as the store knows."""
    due_at = await store.next_due_at()
    return None if due_at is None else max(0.0, (due_at - store.now()) / SECOND)
