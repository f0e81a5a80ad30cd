"""Files and folders of a worker: only kinds of volumes that PodSecurity *restricted* allows and that carry no token."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskjob.spec.pod_values import ConfigKey, DnsLabel, DnsSubdomain, Quantity, exactly_one
from taskjob.spec.strict import RareModel

FileMode = Annotated[int, Field(ge=0, le=0o777)]
VOLUME_KINDS = ("config_map", "secret", "empty_dir", "persistent_volume_claim")
RESERVED_VOLUME_PREFIX = "taskjob-"
RESERVED_MOUNT_PATHS = ("/var/run/secrets", "/run/secrets")

_RELATIVE = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^/:\x00-\x1f][^:\x00-\x1f]*$")]


class KeyToPath(RareModel):
    """One key as a file."""

    key: ConfigKey
    """The key."""

    path: _RELATIVE
    """Relative path of the file."""

    mode: FileMode | None = None
    """Permissions as a decimal number, for example 256 for 0400."""

    @model_validator(mode="after")
    def _inside(self) -> Self:
        stays_inside(self.path, "path")
        return self


class FileSource(RareModel):
    """What a ConfigMap and a Secret have in common as volumes."""

    items: Annotated[list[KeyToPath], Field(max_length=32)] | None = None
    """Only these keys; without it all of them."""

    default_mode: FileMode | None = None
    """Permissions as a decimal number, for example 256 for 0400."""

    optional: bool | None = None
    """Start the worker also where it does not exist."""


class ConfigMapVolume(FileSource):
    """A ConfigMap of the same namespace, as files."""

    name: DnsSubdomain
    """The ConfigMap."""


class SecretVolume(FileSource):
    """A Secret of the same namespace, as files."""

    secret_name: DnsSubdomain
    """The Secret."""


class EmptyDirVolume(RareModel):
    """A folder that lives as long as the pod."""

    medium: Literal["Memory"] | None = None
    """Memory: a tmpfs, which counts as the container's memory. Without it the node's disk."""

    size_limit: Quantity | None = None
    """Most that it may hold, for example 1Gi."""


class ClaimVolume(RareModel):
    """A PersistentVolumeClaim of the same namespace."""

    claim_name: DnsSubdomain
    """The claim."""

    read_only: bool | None = None
    """Mount it read-only."""


class Volume(RareModel):
    """Exactly one of configMap, secret, emptyDir and persistentVolumeClaim."""

    name: DnsLabel
    """What volumeMounts call it; names that begin with taskjob- are the operator's."""

    config_map: ConfigMapVolume | None = None
    """A ConfigMap of the same namespace, as files."""

    secret: SecretVolume | None = None
    """A Secret of the same namespace, as files."""

    empty_dir: EmptyDirVolume | None = None
    """A folder that lives as long as the pod."""

    persistent_volume_claim: ClaimVolume | None = None
    """A PersistentVolumeClaim of the same namespace."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        exactly_one(self, VOLUME_KINDS)
        if self.name.startswith(RESERVED_VOLUME_PREFIX):
            raise ValueError(f"names that begin with {RESERVED_VOLUME_PREFIX} are the operator's")
        return self


class VolumeMount(RareModel):
    """Where a volume stands in the worker's container."""

    name: DnsLabel
    """One of `volumes`."""

    mount_path: Annotated[str, Field(min_length=2, max_length=512, pattern=r"^(/[^/:\x00-\x1f]+)+$")]
    """An absolute path; /var/run/secrets and /run/secrets are the operator's."""

    sub_path: _RELATIVE | None = None
    """A folder or file within the volume."""

    read_only: bool | None = None
    """Mount it read-only."""

    @model_validator(mode="after")
    def _inside(self) -> Self:
        stays_inside(self.mount_path, "mountPath")
        if self.sub_path is not None:
            stays_inside(self.sub_path, "subPath")
        if any(f"{self.mount_path}/".startswith(f"{path}/") for path in RESERVED_MOUNT_PATHS):
            raise ValueError("mountPath: " + " and ".join(RESERVED_MOUNT_PATHS) + " are the operator's")
        return self


def stays_inside(path: str, field: str) -> None:
    if {".", ".."} & set(path.split("/")):
        raise ValueError(f"{field}: . and .. are not allowed")
