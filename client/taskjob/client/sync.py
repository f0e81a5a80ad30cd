"""`Client`: the REST API for code that blocks. Its async twin is `taskjob.client.aio`."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
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


class Client:
    """Speaks to one server as one principal, in one namespace. May be shared by threads.

    Server, token and namespace come from the arguments, else the environment, else the configuration file (see
    `taskjob.client.target`). Every method raises a `TaskJobError`, never an error of the HTTP library. A call that
    got no answer, or one that asks to try later, is sent again up to `retries` times with back-off; each call
    carries a key that makes this safe.
    """

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
        self._http = httpx2.Client(headers=requests.headers_of(self.target))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # ---- jobs

    def submit(self, job: Submittable, payload: Any = None, /, **options: Any) -> SubmittedJob:
        """Submit a job and return it once it is durable.

        `job` is a `@task`, the name of a task, or a whole job document. `options` are the fields of a job in
        snake_case: queue, priority, start_after (a datetime or a timedelta), retry, timeout_seconds,
        idempotency_key, concurrency_key, labels, name, … . Without an idempotency key one is drawn.
        Raises `InvalidError`, `IdempotencyConflictError` (same key, other document), `QuotaExceededError`.
        """
        return self.call(requests.submit(document_of(job, payload, options)))

    def submit_many(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[BatchVerdict]:
        """Submit job documents, a thousand in one request, and tell the verdict of each in order.

        One bad document spoils no other. Nothing is sent before the first verdict is asked for.
        """
        for batch in batches(documents):
            yield from self.call(requests.submit_batch(batch))

    def get(self, job: str) -> JobView:
        """Raises `NotFoundError`."""
        return self.call(requests.get(job))

    def wait(self, job: str, *, timeout_seconds: float | None = None) -> JobView:
        """The job once it is finished, however it ended. Raises `TimeoutError` when the time is over.

        A server that is away meanwhile is waited for.
        """
        patience = Patience(timeout_seconds)
        while True:
            try:
                found = self._once(requests.get(job, wait_seconds=patience.next_wait()))
            except TaskJobError as error:
                time.sleep(patience.after_error(error))
                continue
            if found.finished:
                return found
            time.sleep(patience.after_unfinished(found))

    def result(self, job: str, *, timeout_seconds: float | None = None) -> Any:
        """Wait for the job and return what its task returned. Raises `JobFailedError` if it did not complete."""
        job_now = self.wait(job, timeout_seconds=timeout_seconds)
        raise_unless_completed(job_now)
        return job_now.result if job_now.result_ref is None else self.call(requests.result(job))

    def jobs(self, where: JobQuery | None = None, *, page_size: int = 100) -> Iterator[JobView]:
        """All matching jobs, newest first, read page by page while they are asked for."""
        cursor: str | None = None
        while True:
            page: Page[JobView] = self.call(requests.jobs(where or JobQuery(), limit=page_size, cursor=cursor))
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def cancel(self, job: str) -> JobView:
        """Ask for the end of a job. One that runs is told, and is cancelled when its attempt has ended."""
        return self.call(requests.cancel(job))

    def rerun(self, job: str, *, request_id: str | None = None) -> JobView:
        """Start a finished job again as its next run. Raises `ConflictError` for a live one."""
        return self.call(requests.rerun(job, request_id=request_id))

    def amend(self, job: str, **changes: Any) -> JobView:
        """Change priority, suspend, ttl_seconds_after_finished or ttl_seconds_after_failed."""
        return self.call(requests.amend(job, requests.amendment(changes)))

    def attempts(self, job: str) -> list[AttemptView]:
        return self.call(requests.attempts(job))

    def artifacts(self, job: str) -> list[ArtifactView]:
        """What the job's deliveries left, oldest first: its result and their logs."""
        return self.call(requests.artifacts(job))

    def logs(
        self, job: str, *, run: int | None = None, delivery: int | None = None, follow: bool = False
    ) -> Iterator[LogPiece]:
        """The log of one delivery, the last unless named. With `follow`: also what comes, until the job ends."""
        after = 0
        while True:
            piece = self.call(requests.logs(job, run=run, delivery=delivery, after=after))
            if piece.text:
                yield piece
            moved, after = piece.following > after, piece.following
            if not moved and (piece.finished or not follow):
                return
            if not moved:
                time.sleep(LOG_POLL_SECONDS)

    def explain(self, job: str) -> dict[str, Any]:
        """Why the job is not running: reason, message, what to do, position, estimate."""
        return self.call(requests.explain(job))

    def preview_bulk(self, action: str, where: JobQuery) -> BulkResult:
        """Count what `cancel`, `rerun` or `purge` of all matching jobs would change; its token does just that."""
        return self.call(requests.preview_bulk(action, where))

    def run_bulk(self, token: str) -> BulkResult:
        """Do what a preview counted, to the end. Safe to repeat with the same token."""
        changed = skipped = 0
        following: str | None = token
        while following is not None:
            step = self.call(requests.run_bulk(following))
            changed, skipped, following = changed + step.changed, skipped + step.skipped, step.token
        return BulkResult(changed=changed, skipped=skipped)

    def bulk(self, action: str, where: JobQuery) -> BulkResult:
        """`cancel`, `rerun` or `purge` all jobs that match now (dead letters unless phases are named)."""
        token = (self.preview_bulk(action, where)).token
        return BulkResult() if token is None else self.run_bulk(token)

    # ---- queues, workers, server

    def queues(self) -> list[QueueView]:
        return self.call(requests.queues())

    def queue(self, name: str) -> QueueView:
        return self.call(requests.queue(name))

    def put_queue(self, name: str, document: Mapping[str, Any]) -> QueueView:
        """Create a queue or replace its limits, defaults and declared pause."""
        return self.call(requests.put_queue(name, document))

    def pause(self, name: str, *, reason: str | None = None, until: datetime | None = None) -> QueueView:
        return self.call(requests.pause(name, reason=reason, until=until))

    def resume(self, name: str) -> QueueView:
        return self.call(requests.resume(name))

    def orphans(self) -> list[OrphanReport]:
        """What operators hold back: live jobs whose TaskJobs are gone, too many at once to cancel them unasked."""
        return self.call(requests.orphans())

    def confirm_orphans(self, cluster_id: str, total: int) -> OrphanReport:
        """Let the operator of this cluster cancel its orphans, at most `total` of them."""
        return self.call(requests.confirm_orphans(cluster_id, total))

    def workers(self) -> list[WorkerView]:
        return self.call(requests.workers())

    def stats(self) -> dict[str, Any]:
        """Counts of all queues in one snapshot, and whether they conserve."""
        return self.call(requests.stats())

    # ---- sending

    def call(self, call: Call[T]) -> T:
        """Send one call, again where that may help, and read its answer."""
        tries = 0
        while True:
            tries += 1
            try:
                return self._once(call)
            except TaskJobError as error:
                if not should_repeat(error, tries=tries, retries=self._retries):
                    raise
                pause = pause_seconds(error, tries=tries, jitter=random.random())  # noqa: S311 - spreads load
            time.sleep(pause)

    def _once(self, call: Call[T]) -> T:
        try:
            answer = self._http.request(
                call.method,
                requests.url_of(self.target, call),
                params=call.params,
                content=requests.body_of(call),
                timeout=timeout_of(call),
            )
        except httpx2.TransportError as error:
            raise connection_error(error, self.target) from error
        return requests.read_answer(call, answer.status_code, answer.headers, answer.content)
