"""The pool of workers that serves a queue in a cluster: a Deployment that the operator makes, or one that is there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taskjob.spec.pod_environment import EnvironmentVariable
from taskjob.spec.pod_template import PodTemplate
from taskjob.spec.pod_values import DnsLabel, DnsSubdomain, Quantity
from taskjob.spec.strict import LabelName, RareModel, keyed_by

DRAIN_SECONDS = 60

ModuleName = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_./][-A-Za-z0-9_./]*$")]
ResourceList = Annotated[dict[LabelName, Quantity], Field(max_length=16)]


class Resources(RareModel):
    """What a worker's container may use."""

    requests: ResourceList | None = None
    """What is set aside for it, for example {cpu: 500m, memory: 512Mi}."""

    limits: ResourceList | None = None
    """Most that it may use."""


class WorkerSpec(RareModel):
    """Workers that the operator runs as a Deployment. The command is the operator's."""

    image: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9][-A-Za-z0-9._/:@]*$")]
    """An image that holds taskjob and your tasks."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """As in a container."""

    modules: Annotated[list[ModuleName], Field(min_length=1, max_length=16)] | None = None
    """Modules or files of the image that define tasks; without it those that the image names in
    TASKJOB_WORKER_MODULES."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Jobs that one worker runs at once."""

    drain_seconds: Annotated[int, Field(ge=1, le=86_400)] = DRAIN_SECONDS
    """How long a worker that is told to go may finish what it runs; 60 by default. What does not fit is handed back
    uncharged."""

    resources: Resources | None = None
    """What the worker's container may use."""

    env: Annotated[list[EnvironmentVariable], keyed_by("name"), Field(max_length=64)] | None = None
    """Environment variables of the worker."""

    service_account_name: DnsLabel | None = None
    """A ServiceAccount labelled taskjob.dev/worker: "true". It gets no token of the cluster's API."""

    template: PodTemplate | None = None
    """What the worker pods get beside what the operator decides; an allow-list."""


class DeploymentRef(RareModel):
    """A Deployment of the same namespace that runs `taskjob worker`."""

    name: DnsSubdomain
    """Its name."""
