"""Settings from the environment: the fields of a record as variables with one prefix."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from taskjob.errors import InvalidError


def read_fields(record: type[msgspec.Struct], environment: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """The fields whose variable (`prefix` and the field's name in capitals) is set to more than nothing.

    Raises `InvalidError` that names the variable, what was expected and what stood there.
    """
    hints = get_type_hints(record)
    return {
        name: _read(prefix + name.upper(), environment[prefix + name.upper()], hints[name])
        for name in record.__struct_fields__
        if environment.get(prefix + name.upper())
    }


def bad_variable(variable: str, got: object, expected: str) -> InvalidError:
    return InvalidError(f"{variable}: expected {expected}, got {got!r}", field=variable)


def _read(variable: str, text: str, kind: Any) -> Any:
    if get_origin(kind) is types.UnionType:
        kind = next(member for member in get_args(kind) if member is not type(None))
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise bad_variable(variable, text, " or ".join(get_args(kind)))
        return text
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise bad_variable(variable, text, "true or false")
        return text.lower() == "true"
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        raise bad_variable(variable, text, "a whole number" if kind is int else "a number") from None
