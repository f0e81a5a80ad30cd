"""The TaskQueue: limits and defaults of a queue and, in a cluster, the pool of workers that serves it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from taskjob.spec.metadata import Envelope, Metadata
from taskjob.spec.retry import RetrySpec
from taskjob.spec.strict import Count, QueueName, Retention, Seconds, StrictModel

Replicas = Annotated[int, Field(ge=0, le=10_000)]


class LimitsSpec(StrictModel):
    """Left out: unlimited, but for `perConcurrencyKey`, which is 1."""

    max_concurrency: Count | None = None
    """Jobs of the queue that run at once."""

    rate_per_second: Count | None = None
    """Starts a second, with a burst of one second."""

    max_live_jobs: Count | None = None
    """Unfinished jobs; above it a submit is refused with QuotaExceeded."""

    per_concurrency_key: Count | None = None
    """Jobs with the same concurrencyKey that run at once."""


class JobDefaultsSpec(StrictModel):
    """Given at submit to jobs that leave them out."""

    retry: RetrySpec | None = None
    timeout_seconds: Seconds | None = None
    ttl_seconds_after_finished: Retention | None = None
    ttl_seconds_after_failed: Retention | None = None


class QueueDocument(StrictModel):
    """The body of `PUT queues/{name}`: what a queue is without a cluster. What it leaves out goes back to default."""

    limits: LimitsSpec | None = None
    job_defaults: JobDefaultsSpec | None = None
    paused: bool | None = None
    """The declared pause; a person's pause is `POST queues/{name}/pause`."""


class WorkerSpec(StrictModel):
    image: Annotated[str, Field(max_length=512)]
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    service_account_name: Annotated[str, Field(max_length=63)] | None = None
    drain_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    resources: dict[str, Any] | None = None
    env: Annotated[list[dict[str, Any]], Field(max_length=64)] | None = None
    template: dict[str, Any] | None = None


class DeploymentRef(StrictModel):
    name: Annotated[str, Field(max_length=63)]


class AutoscalingSpec(StrictModel):
    mode: Literal["Manual", "Builtin", "External", "Disabled"] = "Manual"
    min_replicas: Replicas = 0
    max_replicas: Annotated[int, Field(ge=1, le=10_000)] = 10
    target_queue_delay_seconds: Annotated[int, Field(ge=1, le=86_400)] = 5
    idle_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 300

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas is above maxReplicas")
        return self


class CircuitBreakerSpec(StrictModel):
    failure_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    min_samples: Count | None = None
    open_seconds: Seconds | None = None


class TaskQueueSpec(QueueDocument):
    worker: WorkerSpec | None = None
    deployment_ref: DeploymentRef | None = None
    replicas: Replicas | None = None
    autoscaling: AutoscalingSpec | None = None
    circuit_breaker: CircuitBreakerSpec | None = None

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if self.worker is not None and self.deployment_ref is not None:
            raise ValueError("set worker or deploymentRef, not both")
        return self


class QueueMetadata(Metadata):
    """Jobs refer to a queue by its name, so it has one, and a shorter one than other objects."""

    name: QueueName


class TaskQueue(Envelope):
    kind: Literal["TaskQueue"]
    metadata: QueueMetadata
    spec: TaskQueueSpec
