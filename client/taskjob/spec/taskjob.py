"""The TaskJob: what a person asks to be run, as `spec` of a custom resource and as the short form of REST."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

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
    keyed_by,
)

MUTABLE_FIELDS = frozenset(
    {"priority", "suspend", "cancel", "rerun", "ttlSecondsAfterFinished", "ttlSecondsAfterFailed"}
)
"""What may be changed of a TaskJob that is there; all else of its spec is immutable."""


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
    """How often it is tried, and how long it waits between attempts; each field left out is the queue's choice."""

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
    """A job that must have ended before this one starts."""

    name: Annotated[str, Field(max_length=52)]
    """A TaskJob of the same namespace."""

    when: Literal["Completed", "Failed", "Finished"] = "Completed"
    """How it must have ended: Completed (the default), Failed, or either (Finished)."""


class ArraySpec(StrictModel):
    """The same job many times, each with an index of its own."""

    count: Annotated[int, Field(ge=1, le=100_000)]
    """How many."""

    parallelism: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Most that run at once."""

    max_failed: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Most that may fail before the rest is cancelled."""

    @model_validator(mode="after")
    def _max_failed_within_count(self) -> Self:
        if self.max_failed is not None and self.max_failed > self.count:
            raise ValueError("maxFailed is above count")
        return self


class TaskJobSpec(JobFields):
    """What is to be run. Immutable but for priority, suspend, cancel, rerun and the two retention times."""

    task: TaskName
    """The registered function that runs it."""

    payload_ref: Annotated[dict[str, Any], Field(max_length=8)] | None = None
    """Not built yet: an artifact that holds a larger payload."""

    depends_on: Annotated[list[Dependency], keyed_by("name"), Field(max_length=32)] | None = None
    """Not built yet: jobs that must have ended before this one starts."""

    array: ArraySpec | None = None
    """Not built yet: the same job many times."""

    cancel: bool | None = None
    """True cancels the job. Mutable, one way: only a rerun, in the same change, takes it back."""

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
    """One job for a warm worker: a registered task with its payload, retried, timed and recorded."""

    kind: Literal["TaskJob"]
    spec: TaskJobSpec
