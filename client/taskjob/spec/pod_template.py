"""What a TaskQueue may say of its worker pods: an allow-list, so that they always pass PodSecurity *restricted*.

Whatever is not here (security contexts, host namespaces, host paths, other containers, tokens of other audiences) is
decided by the operator and cannot be asked for.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from taskjob.spec.pod_environment import EnvironmentSource
from taskjob.spec.pod_values import LabelMap, LabelSelector, NamedReference
from taskjob.spec.pod_volumes import Volume, VolumeMount
from taskjob.spec.strict import LabelName, RareModel, keyed_by

RESERVED_DOMAIN = "taskjob.dev/"
RESERVED_ANNOTATIONS = (
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "controller.kubernetes.io/pod-deletion-cost",
)
"""Beginnings of what would change a pod's confinement, or the operator's choice of the pod to end."""

AnyObject = Annotated[dict[str, Any], Field(max_length=8)]
Annotations = Annotated[dict[LabelName, Annotated[str, Field(max_length=4096)]], Field(max_length=32)]


class Toleration(RareModel):
    """A taint that the workers bear."""

    key: LabelName | None = None
    """The taint's key; without it every taint."""

    operator: Literal["Exists", "Equal"] | None = None
    """Equal (the default) compares the value."""

    value: Annotated[str, Field(max_length=63)] | None = None
    """The taint's value, for Equal."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Without it every effect."""

    toleration_seconds: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """How long a NoExecute taint is borne."""


class Affinity(RareModel):
    """Where the workers should run, beside which pods and away from which. As in a pod; the API server checks the
    contents when the operator applies the Deployment."""

    node_affinity: AnyObject | None = None
    """As in a pod."""

    pod_affinity: AnyObject | None = None
    """As in a pod."""

    pod_anti_affinity: AnyObject | None = None
    """As in a pod."""


class TopologySpreadConstraint(RareModel):
    """How evenly the workers are spread over zones or nodes."""

    max_skew: Annotated[int, Field(ge=1, le=10_000)]
    """Most by which two of them may differ."""

    topology_key: LabelName
    """The node label that tells them apart, for example topology.kubernetes.io/zone."""

    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What to do where it cannot be kept."""

    label_selector: LabelSelector | None = None
    """The pods that count; without it the workers of this queue."""

    min_domains: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Fewest zones or nodes that must be there, for DoNotSchedule."""


class PodTemplate(RareModel):
    """What the worker pods get beside what the operator decides."""

    labels: LabelMap | None = None
    """Labels of the pods; taskjob.dev/ is the operator's."""

    annotations: Annotations | None = None
    """Annotations of the pods; taskjob.dev/ and those that change a pod's confinement are refused."""

    node_selector: LabelMap | None = None
    """Labels that a node must have."""

    tolerations: Annotated[list[Toleration], Field(max_length=32)] | None = None
    """Taints that the workers bear."""

    affinity: Affinity | None = None
    """Where the workers should run, beside which pods and away from which."""

    topology_spread_constraints: Annotated[list[TopologySpreadConstraint], Field(max_length=8)] | None = None
    """How evenly the workers are spread over zones or nodes."""

    image_pull_secrets: Annotated[list[NamedReference], keyed_by("name"), Field(max_length=8)] | None = None
    """Secrets with which the image is pulled."""

    env_from: Annotated[list[EnvironmentSource], Field(max_length=16)] | None = None
    """ConfigMaps and Secrets all of whose keys become variables."""

    volumes: Annotated[list[Volume], keyed_by("name"), Field(max_length=16)] | None = None
    """ConfigMaps, Secrets, empty folders and claims."""

    volume_mounts: Annotated[list[VolumeMount], keyed_by("mount_path"), Field(max_length=32)] | None = None
    """Where the volumes stand in the worker's container."""

    @model_validator(mode="after")
    def _nothing_reserved(self) -> Self:
        for key in self.labels or {}:
            if key.startswith(RESERVED_DOMAIN):
                raise ValueError(f"labels: {RESERVED_DOMAIN} is the operator's")
        for key in self.annotations or {}:
            if key.startswith((RESERVED_DOMAIN, *RESERVED_ANNOTATIONS)):
                raise ValueError(f"annotations: {key} cannot be set here")
        return self

    @model_validator(mode="after")
    def _mounts_have_volumes(self) -> Self:
        known = {volume.name for volume in self.volumes or ()}
        for mount in self.volume_mounts or ():
            if mount.name not in known:
                raise ValueError(f"volumeMounts: there is no volume {mount.name!r}")
        return self
