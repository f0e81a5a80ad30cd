"""The shape every document shares: camelCase names, strict types, no unknown fields, immutable once read.

Strict means that `"1"` is not 1, `true` is not 1, and 1.0 is not an integer: a typo must not become a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from taskjob.model import names
from taskjob.spec.times import check_time

INT32_MAX = 2_147_483_647


class StrictModel(BaseModel):
    """Base of all documents; `model_dump(by_alias=True, exclude_none=True)` writes them back."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        frozen=True,
        hide_input_in_errors=True,
        # Descriptions of OpenAPI and CRDs come from the attribute docstrings.
        use_attribute_docstrings=True,
    )


class RareModel(StrictModel):
    """Base of documents that most processes never read; pydantic prepares for one when the first is read."""

    model_config = ConfigDict(defer_build=True)


def _distinct(values: Sequence[str]) -> Sequence[str]:
    if len(set(values)) != len(values):
        raise ValueError("the entries must differ from one another")
    return values


Distinct = AfterValidator(_distinct)


def keyed_by(field: str) -> KeyedBy:
    """Of a list of documents: no two have the same value there. Kubernetes then merges such a list entry by entry."""
    return KeyedBy(field)


@dataclass(frozen=True)
class KeyedBy:
    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {
            **handler(schema),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": [to_camel(self.field)],
        }

    def _check(self, entries: Sequence[Any]) -> Sequence[Any]:
        values = [getattr(entry, self.field) for entry in entries]
        if (again := next((value for value in values if values.count(value) > 1), None)) is not None:
            raise ValueError(f"two entries have the {to_camel(self.field)} {again!r}")
        return entries


Priority = Annotated[int, Field(ge=-1000, le=1000)]
Seconds = Annotated[int, Field(ge=1, le=INT32_MAX)]
Retention = Annotated[int, Field(ge=0, le=INT32_MAX)]
Count = Annotated[int, Field(ge=1, le=INT32_MAX)]

QueueName = Annotated[str, Field(max_length=names.QUEUE_LENGTH, pattern=names.QUEUE_PATTERN)]
TaskName = Annotated[str, Field(max_length=names.TASK_LENGTH, pattern=names.TASK_PATTERN)]
ObjectName = Annotated[
    str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]
GenerateName = Annotated[str, Field(max_length=57, pattern=r"^[a-z0-9]([-a-z0-9.]*)$")]
NamespaceName = Annotated[str, Field(max_length=names.NAMESPACE_LENGTH, pattern=names.NAMESPACE_PATTERN)]
Key = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
ErrorTypeName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]

_LABEL_NAME = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
LabelName = Annotated[str, Field(max_length=317, pattern=_LABEL_NAME)]
LabelValue = Annotated[str, Field(max_length=63, pattern=_LABEL_VALUE)]
# Pydantic writes the keys as patternProperties, which would let every other key pass.
Labels = Annotated[
    dict[LabelName, LabelValue],
    Field(max_length=32),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 32,
            "propertyNames": {"type": "string", "maxLength": 317, "pattern": _LABEL_NAME},
            "additionalProperties": {"type": "string", "maxLength": 63, "pattern": _LABEL_VALUE},
        }
    ),
]

Time = Annotated[
    str, AfterValidator(check_time), WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 40})
]
Payload = Annotated[dict[str, Any], Field(max_length=256)]
