"""The TaskJob: what a person asks to be run, as `spec` of a custom resource and as the short form of REST."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskjob.spec.metadata import Envelope
from taskjob.spec.retry import RetrySpec
from taskjob.spec.strict import (
    Key,
    Labels,
    ObjectName,
    Payload,
    Priority,
    QueueName,
    Retention,
    Seconds,
    StrictModel,
    TaskName,
    Time,
)


class JobFields(StrictModel):
    """What a TaskJob's spec and a REST job document have in common. None: left out."""

    queue: QueueName = "default"
    """The TaskQueue, in the same namespace."""

    payload: Payload | None = None
    """Any JSON object: the task's arguments. Up to 64 KiB by REST, 16 KiB in a custom resource."""

    priority: Priority | None = None
    """Higher first. Mutable."""

    start_after: Time | None = None
    """Not before this moment."""

    retry: RetrySpec | None = None
    timeout_seconds: Annotated[int, Field(ge=1, le=604_800)] | None = None
    """Longest time of one attempt."""

    active_deadline_seconds: Seconds | None = None
    """Longest time of the whole job, from acceptance."""

    idempotency_key: Key | None = None
    """The same key with the same document is the same job; with another document it is refused."""

    concurrency_key: Key | None = None
    """Jobs of one queue with the same key share the queue's limits.perConcurrencyKey."""

    suspend: bool | None = None
    """Hold the next start back; what runs goes on. Mutable."""

    ttl_seconds_after_finished: Retention | None = None
    """How long a completed or cancelled job is kept. Mutable."""

    ttl_seconds_after_failed: Retention | None = None
    """How long a dead letter is kept. Mutable."""


class Dependency(StrictModel):
    name: Annotated[str, Field(max_length=52)]
    when: Literal["Completed", "Failed", "Finished"] = "Completed"


class ArraySpec(StrictModel):
    count: Annotated[int, Field(ge=1, le=100_000)]
    parallelism: Annotated[int, Field(ge=1, le=100_000)] | None = None
    max_failed: Annotated[int, Field(ge=0, le=100_000)] | None = None

    @model_validator(mode="after")
    def _max_failed_within_count(self) -> Self:
        if self.max_failed is not None and self.max_failed > self.count:
            raise ValueError("maxFailed is above count")
        return self


class TaskJobSpec(JobFields):
    task: TaskName
    """The registered function that runs it."""

    depends_on: Annotated[list[Dependency], Field(max_length=32)] | None = None
    array: ArraySpec | None = None
    cancel: bool | None = None
    """Mutable, one way."""

    rerun: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Mutable, only grows: +1 runs a finished job again."""


class JobDocument(JobFields):
    """The body of `POST jobs`: a spec's fields at top level. `task` defaults to `payload.type`."""

    task: TaskName | None = None
    """The registered function that runs it; by default the string in payload.type."""

    name: ObjectName | None = None
    """For people; need not be unique."""

    labels: Labels | None = None


class TaskJob(Envelope):
    kind: Literal["TaskJob"]
    spec: TaskJobSpec
