"""Environment variables of a worker's process."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from taskjob.spec.pod_values import KeyReference, OptionalReference, Quantity, exactly_one
from taskjob.spec.strict import RareModel

RESERVED_VARIABLE_PREFIX = "TASKJOB_"

VariableName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")]
_POD_FIELDS = (
    r"^(metadata\.(name|namespace|uid|(labels|annotations)\['[-./_A-Za-z0-9]+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIP|podIP))$"
)


class FieldReference(RareModel):
    """A fact about the pod itself."""

    field_path: Annotated[str, Field(max_length=400, pattern=_POD_FIELDS)]
    """For example metadata.name, spec.nodeName or status.podIP."""


class ResourceReference(RareModel):
    """A request or limit of the worker's container."""

    resource: Annotated[str, Field(max_length=32, pattern=r"^(limits|requests)\.(cpu|memory|ephemeral-storage)$")]
    """For example limits.memory."""

    divisor: Quantity | None = None
    """The unit, for example 1Mi."""


class VariableSource(RareModel):
    """Where a variable's value comes from; exactly one."""

    secret_key_ref: KeyReference | None = None
    """A key of a Secret."""

    config_map_key_ref: KeyReference | None = None
    """A key of a ConfigMap."""

    field_ref: FieldReference | None = None
    """A fact about the pod."""

    resource_field_ref: ResourceReference | None = None
    """A request or limit of the container."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one(self, ("secret_key_ref", "config_map_key_ref", "field_ref", "resource_field_ref"))
        return self


class EnvironmentVariable(RareModel):
    """One variable."""

    name: VariableName
    """The variable's name; those that begin with TASKJOB_ are the operator's."""

    value: Annotated[str, Field(max_length=4096)] | None = None
    """Its value; not for secrets, which every reader of the TaskQueue would see."""

    value_from: VariableSource | None = None
    """Instead of `value`."""

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if self.name.startswith(RESERVED_VARIABLE_PREFIX):
            raise ValueError(f"names that begin with {RESERVED_VARIABLE_PREFIX} are the operator's")
        if self.value is not None and self.value_from is not None:
            raise ValueError("set value or valueFrom, not both")
        return self


class EnvironmentSource(RareModel):
    """All keys of a ConfigMap or Secret as variables; exactly one."""

    prefix: VariableName | None = None
    """Put before every key."""

    config_map_ref: OptionalReference | None = None
    """A ConfigMap."""

    secret_ref: OptionalReference | None = None
    """A Secret."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        exactly_one(self, ("config_map_ref", "secret_ref"))
        return self
