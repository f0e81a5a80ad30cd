"""The façade: everything a door (REST, gateway, dashboard) may ask of the engine.

It owns order and policy around the store's verbs: hold-off, result and log placement, dispatch of ready work to
waiting sessions, wake-ups for waiting callers, and metrics. It holds no durable truth. Stores emit nothing;
instrumentation stands here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from taskjob.model import Attempt, Job, NamespaceStats, Queue, WorkerInfo
from taskjob_engine.artifacts import ArtifactStore
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import (
    Amendment,
    Changed,
    Explanation,
    JobFilter,
    JobRef,
    JobStore,
    Page,
    QueueChange,
    Renewal,
    Renewed,
    Rerun,
    SessionEnd,
    SessionOpen,
    Settled,
    Settlement,
    StoreInfo,
    Submission,
    Submitted,
    WakeUp,
)


class Engine:
    def __init__(self, store: JobStore, artifacts: ArtifactStore, settings: EngineSettings) -> None: ...

    async def start(self) -> StoreInfo:
        """Open the store, begin hold-off for one TTL, start maintenance."""

    async def stop(self) -> None:
        """Stop maintenance and dispatch, flush, close. Sessions live on in the store."""

    # ---- people
    async def submit(self, items: Sequence[Submission]) -> list[Submitted]:
        """Durable when it returns. Sessions that wait for such work are asked in the same flush."""

    async def cancel(self, refs: Sequence[JobRef]) -> list[Changed]: ...
    async def rerun(self, items: Sequence[Rerun]) -> list[Changed]: ...
    async def amend(self, items: Sequence[Amendment]) -> list[Changed]: ...
    async def purge(self, refs: Sequence[JobRef]) -> list[Changed]: ...
    async def put_queue(self, change: QueueChange) -> Queue: ...
    async def get(self, ref: JobRef) -> Job | None: ...
    async def jobs(self, where: JobFilter, *, limit: int, cursor: str | None = None) -> Page: ...
    async def count(self, where: JobFilter, *, limit: int) -> int: ...
    async def attempts(self, ref: JobRef) -> list[Attempt]: ...
    async def explain(self, ref: JobRef) -> Explanation | None: ...
    async def queues(self, namespace: str) -> list[Queue]: ...
    async def workers(self, namespace: str | None) -> list[WorkerInfo]: ...
    async def stats(self, namespace: str | None) -> NamespaceStats: ...

    async def wait(self, ref: JobRef, *, seconds: float) -> Job | None:
        """The job as soon as it is terminal, or as it is when the time is over."""

    def events(self, namespace: str, *, queue: str | None = None, job: str | None = None) -> AsyncIterator[WakeUp]:
        """Hints about changed jobs, bounded per listener: a slow listener loses the oldest, never blocks another."""

    async def result(self, ref: JobRef) -> bytes | None:
        """The raw JSON result, from the store or its artifact."""

    async def logs(
        self, ref: JobRef, *, run: int | None = None, delivery: int | None = None, after: int = 0
    ) -> LogPage:
        """Text of one delivery's log (the last by default) from chunk `after` on."""

    # ---- workers
    async def open_session(self, session: SessionOpen) -> int: ...
    async def renew(self, renewal: Renewal) -> Renewed: ...
    async def close_session(self, end: SessionEnd) -> bool: ...
    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """As the store's; results above the inline size are put into an artifact first."""

    async def append_log(
        self, *, namespace: str, job: str, run: int, delivery: int, lease: str, number: int, text: str
    ) -> None:
        """Keep one chunk; a repeat of its number is ignored; beyond the limit it is dropped and that is recorded."""
