"""Values that Kubernetes itself defines, as far as a pool of workers may say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from taskjob.spec.strict import LabelName, LabelValue, RareModel, StrictModel

_QUANTITY = r"^([0-9]+(\.[0-9]+)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$"
_DOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

DnsLabel = Annotated[str, Field(min_length=1, max_length=63, pattern=rf"^{_DOMAIN}$")]
DnsSubdomain = Annotated[str, Field(min_length=1, max_length=253, pattern=rf"^{_DOMAIN}(\.{_DOMAIN})*$")]
ConfigKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
LabelMap = Annotated[
    dict[LabelName, LabelValue],
    Field(max_length=32),
    WithJsonSchema(
        {"type": "object", "maxProperties": 32, "additionalProperties": {"type": "string", "maxLength": 63}}
    ),
]


def _quantity(value: Any) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53:
        return value
    if isinstance(value, str) and len(value) <= 32 and re.fullmatch(_QUANTITY, value):
        return value
    hint = ' (put it in quotes: "0.5", or write 500m)' if isinstance(value, float) else ""
    raise ValueError(f"expected a quantity such as 2, 500m or 1Gi{hint}")


Quantity = Annotated[
    str | int,
    PlainValidator(_quantity),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 32,
            "pattern": _QUANTITY,
        }
    ),
]


class NamedReference(RareModel):
    """An object of the same namespace."""

    name: DnsSubdomain
    """Its name."""


class OptionalReference(NamedReference):
    """A ConfigMap or Secret of the same namespace."""

    optional: bool | None = None
    """Start the worker also where it does not exist."""


class KeyReference(OptionalReference):
    """One key of a ConfigMap or Secret of the same namespace."""

    key: ConfigKey
    """The key."""


class SelectorRequirement(RareModel):
    """One condition on a label."""

    key: LabelName
    """The label."""

    operator: Annotated[str, Field(max_length=12, pattern="^(In|NotIn|Exists|DoesNotExist)$")]
    """In, NotIn, Exists or DoesNotExist."""

    values: Annotated[list[LabelValue], Field(max_length=16)] | None = None
    """For In and NotIn."""


class LabelSelector(RareModel):
    """Pods by their labels."""

    match_labels: LabelMap | None = None
    """Labels that must be equal."""

    match_expressions: Annotated[list[SelectorRequirement], Field(max_length=16)] | None = None
    """Further conditions, all of which must hold."""


def exactly_one(document: StrictModel, fields: Sequence[str]) -> None:
    """Raise `ValueError` unless one of the fields, and no other, is set."""
    if sum(getattr(document, field) is not None for field in fields) != 1:
        names = [type(document).model_fields[field].alias or field for field in fields]
        raise ValueError(f"set exactly one of {', '.join(names)}")
