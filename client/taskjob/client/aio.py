"""`AsyncClient`: the REST API for asyncio. Its methods promise what those of `taskjob.client.sync.Client` do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from taskjob.client import requests
from taskjob.client.backoff import pause_seconds, should_repeat
from taskjob.client.requests import Call, JobQuery, LogPiece, Page
from taskjob.client.submission import Submittable, batches, document_of
from taskjob.client.target import resolve_target
from taskjob.client.transport import connection_error, timeout_of
from taskjob.client.views import (
    ArtifactView,
    AttemptView,
    BatchVerdict,
    BulkResult,
    JobView,
    OrphanReport,
    QueueView,
    SubmittedJob,
    WorkerView,
)
from taskjob.client.waiting import LOG_POLL_SECONDS, Patience, raise_unless_completed
from taskjob.errors import TaskJobError

T = TypeVar("T")


class AsyncClient:
    """As `Client`, for one event loop. Cancelling an await leaves open whether its call took effect; sending it
    again with the same idempotency key is safe."""

    def __init__(
        self,
        server: str | None = None,
        *,
        token: str | None = None,
        namespace: str | None = None,
        retries: int = 5,
    ) -> None:
        self.target = resolve_target(server=server, token=token, namespace=namespace)
        self._retries = retries
        self._http = httpx2.AsyncClient(headers=requests.headers_of(self.target))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    # ---- jobs

    async def submit(self, job: Submittable, payload: Any = None, /, **options: Any) -> SubmittedJob:
        """Submit a job and return it once it is durable.

        `job` is a `@task`, the name of a task, or a whole job document. `options` are the fields of a job in
        snake_case: queue, priority, start_after (a datetime or a timedelta), retry, timeout_seconds,
        idempotency_key, concurrency_key, labels, name, … . Without an idempotency key one is drawn.
        Raises `InvalidError`, `IdempotencyConflictError` (same key, other document), `QuotaExceededError`.
        """
        return await self.call(requests.submit(document_of(job, payload, options)))

    async def submit_many(self, documents: Iterable[Mapping[str, Any]]) -> AsyncIterator[BatchVerdict]:
        """Submit job documents, a thousand in one request, and tell the verdict of each in order.

        One bad document spoils no other. Nothing is sent before the first verdict is asked for.
        """
        for batch in batches(documents):
            for verdict in await self.call(requests.submit_batch(batch)):
                yield verdict

    async def get(self, job: str) -> JobView:
        """Raises `NotFoundError`."""
        return await self.call(requests.get(job))

    async def wait(self, job: str, *, timeout_seconds: float | None = None) -> JobView:
        """The job once it is finished, however it ended. Raises `TimeoutError` when the time is over.

        A server that is away meanwhile is waited for.
        """
        patience = Patience(timeout_seconds)
        while True:
            try:
                found = await self._once(requests.get(job, wait_seconds=patience.next_wait()))
            except TaskJobError as error:
                await asyncio.sleep(patience.after_error(error))
                continue
            if found.finished:
                return found
            await asyncio.sleep(patience.after_unfinished(found))

    async def result(self, job: str, *, timeout_seconds: float | None = None) -> Any:
        """Wait for the job and return what its task returned. Raises `JobFailedError` if it did not complete."""
        job_now = await self.wait(job, timeout_seconds=timeout_seconds)
        raise_unless_completed(job_now)
        return job_now.result if job_now.result_ref is None else await self.call(requests.result(job))

    async def jobs(self, where: JobQuery | None = None, *, page_size: int = 100) -> AsyncIterator[JobView]:
        """All matching jobs, newest first, read page by page while they are asked for."""
        cursor: str | None = None
        while True:
            page: Page[JobView] = await self.call(requests.jobs(where or JobQuery(), limit=page_size, cursor=cursor))
            for found in page.items:
                yield found
            cursor = page.cursor
            if cursor is None:
                return

    async def cancel(self, job: str) -> JobView:
        """Ask for the end of a job. One that runs is told, and is cancelled when its attempt has ended."""
        return await self.call(requests.cancel(job))

    async def rerun(self, job: str, *, request_id: str | None = None) -> JobView:
        """Start a finished job again as its next run. Raises `ConflictError` for a live one."""
        return await self.call(requests.rerun(job, request_id=request_id))

    async def amend(self, job: str, **changes: Any) -> JobView:
        """Change priority, suspend, ttl_seconds_after_finished or ttl_seconds_after_failed."""
        return await self.call(requests.amend(job, requests.amendment(changes)))

    async def attempts(self, job: str) -> list[AttemptView]:
        return await self.call(requests.attempts(job))

    async def artifacts(self, job: str) -> list[ArtifactView]:
        """What the job's deliveries left, oldest first: its result and their logs."""
        return await self.call(requests.artifacts(job))

    async def logs(
        self, job: str, *, run: int | None = None, delivery: int | None = None, follow: bool = False
    ) -> AsyncIterator[LogPiece]:
        """The log of one delivery, the last unless named. With `follow`: also what comes, until the job ends."""
        after = 0
        while True:
            piece = await self.call(requests.logs(job, run=run, delivery=delivery, after=after))
            if piece.text:
                yield piece
            moved, after = piece.following > after, piece.following
            if not moved and (piece.finished or not follow):
                return
            if not moved:
                await asyncio.sleep(LOG_POLL_SECONDS)

    async def explain(self, job: str) -> dict[str, Any]:
        """Why the job is not running: reason, message, what to do, position, estimate."""
        return await self.call(requests.explain(job))

    async def preview_bulk(self, action: str, where: JobQuery) -> BulkResult:
        """Count what `cancel`, `rerun` or `purge` of all matching jobs would change; its token does just that."""
        return await self.call(requests.preview_bulk(action, where))

    async def run_bulk(self, token: str) -> BulkResult:
        """Do what a preview counted, to the end. Safe to repeat with the same token."""
        changed = skipped = 0
        following: str | None = token
        while following is not None:
            step = await self.call(requests.run_bulk(following))
            changed, skipped, following = changed + step.changed, skipped + step.skipped, step.token
        return BulkResult(changed=changed, skipped=skipped)

    async def bulk(self, action: str, where: JobQuery) -> BulkResult:
        """`cancel`, `rerun` or `purge` all jobs that match now (dead letters unless phases are named)."""
        token = (await self.preview_bulk(action, where)).token
        return BulkResult() if token is None else await self.run_bulk(token)

    # ---- queues, workers, server

    async def queues(self) -> list[QueueView]:
        return await self.call(requests.queues())

    async def queue(self, name: str) -> QueueView:
        return await self.call(requests.queue(name))

    async def put_queue(self, name: str, document: Mapping[str, Any]) -> QueueView:
        """Create a queue or replace its limits, defaults and declared pause."""
        return await self.call(requests.put_queue(name, document))

    async def pause(self, name: str, *, reason: str | None = None, until: datetime | None = None) -> QueueView:
        return await self.call(requests.pause(name, reason=reason, until=until))

    async def resume(self, name: str) -> QueueView:
        return await self.call(requests.resume(name))

    async def orphans(self) -> list[OrphanReport]:
        """What operators hold back: live jobs whose TaskJobs are gone, too many at once to cancel them unasked."""
        return await self.call(requests.orphans())

    async def confirm_orphans(self, cluster_id: str, total: int) -> OrphanReport:
        """Let the operator of this cluster cancel its orphans, at most `total` of them."""
        return await self.call(requests.confirm_orphans(cluster_id, total))

    async def workers(self) -> list[WorkerView]:
        return await self.call(requests.workers())

    async def stats(self) -> dict[str, Any]:
        """Counts of all queues in one snapshot, and whether they conserve."""
        return await self.call(requests.stats())

    # ---- sending

    async def call(self, call: Call[T]) -> T:
        """Send one call, again where that may help, and read its answer."""
        tries = 0
        while True:
            tries += 1
            try:
                return await self._once(call)
            except TaskJobError as error:
                if not should_repeat(error, tries=tries, retries=self._retries):
                    raise
                pause = pause_seconds(error, tries=tries, jitter=random.random())  # noqa: S311 - spreads load
            await asyncio.sleep(pause)

    async def _once(self, call: Call[T]) -> T:
        try:
            answer = await self._http.request(
                call.method,
                requests.url_of(self.target, call),
                params=call.params,
                content=requests.body_of(call),
                timeout=timeout_of(call),
            )
        except httpx2.TransportError as error:
            raise connection_error(error, self.target) from error
        return requests.read_answer(call, answer.status_code, answer.headers, answer.content)
