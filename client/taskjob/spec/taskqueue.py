"""The TaskQueue: limits and defaults of a queue and, in a cluster, the pool of workers that serves it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskjob.spec.metadata import Envelope, Metadata
from taskjob.spec.retry import RetrySpec
from taskjob.spec.strict import Count, QueueName, RareModel, Retention, Seconds, StrictModel
from taskjob.spec.worker import DeploymentRef, WorkerSpec

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
    """How often a job is tried, and how long it waits between attempts."""

    timeout_seconds: Seconds | None = None
    """Longest time of one attempt."""

    ttl_seconds_after_finished: Retention | None = None
    """How long a completed or cancelled job is kept."""

    ttl_seconds_after_failed: Retention | None = None
    """How long a dead letter is kept."""


class QueueDocument(StrictModel):
    """The body of `PUT queues/{name}`: what a queue is without a cluster. What it leaves out goes back to default."""

    limits: LimitsSpec | None = None
    """How much may run, start and wait."""

    job_defaults: JobDefaultsSpec | None = None
    """What jobs get that leave it out."""

    paused: bool | None = None
    """The declared pause; a person's pause is `POST queues/{name}/pause`."""


class AutoscalingSpec(RareModel):
    """Who decides how many workers there are."""

    mode: Literal["Manual", "Builtin", "External", "Disabled"] = "Manual"
    """Manual: spec.replicas. Disabled: the operator never touches the number. Not built yet: Builtin and External."""

    min_replicas: Replicas = 0
    """Not built yet: fewest workers."""

    max_replicas: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Not built yet: most workers."""

    target_queue_delay_seconds: Annotated[int, Field(ge=1, le=86_400)] = 5
    """Not built yet: how long a job should wait at most."""

    idle_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """Not built yet: how long the last worker stays without work."""

    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """Not built yet: how long fewer workers must have been enough."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas is above maxReplicas")
        return self


class CircuitBreakerSpec(RareModel):
    """Not built yet: pause the queue while most of its attempts fail."""

    failure_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """Share of failed attempts that opens it."""

    min_samples: Count | None = None
    """Attempts that it needs to judge."""

    open_seconds: Seconds | None = None
    """How long it stays open."""


class QueueJobDefaults(JobDefaultsSpec, defer_build=True):
    """Given at submit to jobs that leave them out."""

    active_deadline_seconds: Seconds | None = None
    """Not built yet: longest time of the whole job, from acceptance."""


class TaskQueueSpec(QueueDocument, defer_build=True):
    """A queue and the pool of workers that serves it: `worker`, or `deploymentRef`, or neither (workers run
    elsewhere)."""

    job_defaults: QueueJobDefaults | None = None
    """What jobs get that leave it out."""

    worker: WorkerSpec | None = None
    """Workers that the operator runs as a Deployment."""

    deployment_ref: DeploymentRef | None = None
    """A Deployment of the same namespace that runs the workers."""

    replicas: Replicas | None = None
    """How many workers there are in mode Manual; 1 by default. `kubectl scale` writes it."""

    autoscaling: AutoscalingSpec | None = None
    """Who decides how many workers there are."""

    circuit_breaker: CircuitBreakerSpec | None = None
    """Not built yet: pause the queue while most of its attempts fail."""

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if self.worker is not None and self.deployment_ref is not None:
            raise ValueError("set worker or deploymentRef, not both")
        return self


class QueueMetadata(Metadata):
    """Jobs refer to a queue by its name, so it has one, and a shorter one than other objects."""

    name: QueueName


class TaskQueue(Envelope, defer_build=True):
    """A queue: its limits, what its jobs get by default, and the pool of workers that serves it."""

    kind: Literal["TaskQueue"]
    metadata: QueueMetadata
    spec: TaskQueueSpec
