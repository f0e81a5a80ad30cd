"""What is submitted, and the verdict on it."""

from __future__ import annotations

from typing import Literal

import msgspec

from taskjob.model import Micros, Owner, RetryChoice
from taskjob_engine.store.value import Value


class Submission(Value, frozen=True, kw_only=True):
    """One accepted document, already valid. What it leaves out (None) comes from its queue, then the product.

    `payload` is the raw JSON of an object. `idempotency_key` with `document_hash` (hex SHA-256 of the canonical
    document) makes it repeatable; `key_ttl` is how long the key is kept at least (see `JobStore.submit`).

    `run` is the number that its first run has: a custom resource may come with a count of reruns that other jobs made.
    """

    id: str
    namespace: str
    queue: str
    task: str
    payload: bytes = b"{}"
    name: str | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    priority: int = 0
    start_after: Micros | None = None
    retry: RetryChoice | None = None
    timeout_seconds: int | None = None
    active_deadline_seconds: int | None = None
    idempotency_key: str | None = None
    document_hash: str = ""
    concurrency_key: str | None = None
    suspend: bool = False
    ttl_seconds_after_finished: int | None = None
    ttl_seconds_after_failed: int | None = None
    owner: Owner | None = None
    run: int = 0


class Submitted(Value, frozen=True, kw_only=True):
    """`created`; `existing` (same key, same document: `id` is the first job's); `conflict` (same key, other
    document: `id` is the first job's); `rejected` (maxLiveJobs, or the queue may not be created)."""

    outcome: Literal["created", "existing", "conflict", "rejected"]
    id: str
    code: str | None = None
    detail: str | None = None
