"""From what a caller hands to `submit` to the job documents that travel. Pure, but for drawing keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

from taskjob.decorator import job_document

MAX_BATCH_ITEMS = 1000


@runtime_checkable
class Documented(Protocol):
    """A task object, as made by `@task`."""

    def document(self, payload: Any = None, /, **options: Any) -> dict[str, Any]: ...


Submittable = str | Documented | Mapping[str, Any]


def document_of(job: Submittable, payload: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """`job` is a task, a task's name, or a whole job document; then neither payload nor options may be given.

    A document without an idempotency key gets one of its own, so that it can be sent again when an answer is
    lost and still be one job.
    """
    if isinstance(job, Mapping):
        if payload is not None or options:
            raise TypeError("a job document is complete: give no payload and no options beside it")
        document = dict(job)
    elif isinstance(job, str):
        document = job_document(job, {} if payload is None else payload, **options)
    else:
        document = job.document(payload, **options)
    document.setdefault("idempotencyKey", f"auto-{uuid4().hex}")
    return document


def batches(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Keyed documents in the sizes that one request takes."""
    batch: list[dict[str, Any]] = []
    for document in documents:
        batch.append(document_of(document, None, {}))
        if len(batch) == MAX_BATCH_ITEMS:
            yield batch
            batch = []
    if batch:
        yield batch
