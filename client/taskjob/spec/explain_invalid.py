"""Pydantic's findings in our words: where, what was expected, how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from taskjob.errors import InvalidError
from taskjob.spec.limits import pointer


class InvalidDocumentError(InvalidError):
    """A document with one problem or more; `errors` holds each, the first of which speaks for all."""

    def __init__(self, errors: tuple[InvalidError, ...]) -> None:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(first.detail + more, field=first.field, hint=first.hint)
        self.errors = errors


def explain_invalid(error: ValidationError, model: type[BaseModel], field: str = "") -> InvalidDocumentError:
    """Turn what pydantic found while reading a `model` into one error; `field` points at the document's root."""
    return InvalidDocumentError(tuple(_explain(item, model, field) for item in error.errors(include_url=False)))


def _explain(item: ErrorDetails, model: type[BaseModel], field: str) -> InvalidError:
    location = tuple(part for part in item["loc"] if part != "[key]")
    where = field + pointer(*location)
    name = ".".join(str(part) for part in location) or "the document"
    if item["type"] == "extra_forbidden":
        return _unknown_field(str(location[-1]), _known_fields(model, location[:-1]), where)
    if item["type"] == "missing":
        return InvalidError(f"{name} is required", field=where)
    expected = _EXPECTED.get(item["type"])
    context: Mapping[str, Any] = item.get("ctx", {})
    if expected is None:
        return InvalidError(f"{name}: {item['msg'].removeprefix('Value error, ')}", field=where)
    text, hint = expected(context)
    got = _describe(item["input"])
    return InvalidError(f"{name}: expected {text}, got {got}", field=where, hint=hint or _quoting_hint(item))


def _unknown_field(name: str, known: list[str], where: str) -> InvalidError:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else "known fields: " + ", ".join(sorted(known))
    return InvalidError(f"unknown field {name!r}", field=where, hint=hint)


def _known_fields(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        found = next((f for n, f in (current or BaseModel).model_fields.items() if (f.alias or n) == part), None)
        current = next(_models_in(found.annotation), None) if found is not None else None
    return [f.alias or n for n, f in current.model_fields.items()] if current is not None else []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _describe(value: Any) -> str:
    """What stands there, in JSON's words, short; long text is cut, for it may be a secret or a picture."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the string {value[:40]!r}" + ("…" if len(value) > 40 else "")
    if isinstance(value, int | float):
        text = repr(value)
        return text if len(text) <= 24 else f"a number of {len(text)} digits"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"


def _quoting_hint(item: ErrorDetails) -> str | None:
    if item["type"] == "string_type" and isinstance(item["input"], bool | int | float):
        return "put it in quotes"
    if item["type"] in {"int_type", "bool_type"} and isinstance(item["input"], str):
        return "write it without quotes"
    return None


Expectation = Callable[[Mapping[str, Any]], tuple[str, str | None]]

_EXPECTED: dict[str, Expectation] = {
    "int_type": lambda _: ("an integer", None),
    "int_from_float": lambda _: ("an integer", None),
    "bool_type": lambda _: ("true or false", None),
    "string_type": lambda _: ("a string", None),
    "list_type": lambda _: ("a list", None),
    "dict_type": lambda _: ("an object", None),
    "model_type": lambda _: ("an object", None),
    "model_attributes_type": lambda _: ("an object", None),
    "greater_than_equal": lambda c: (f"at least {c['ge']}", None),
    "less_than_equal": lambda c: (f"at most {c['le']}", None),
    "string_too_long": lambda c: (f"at most {c['max_length']} characters", None),
    "string_too_short": lambda _: ("a string that is not empty", None),
    "too_long": lambda c: (f"at most {c['max_length']} entries", None),
    "too_short": lambda c: (f"at least {c['min_length']} entries", None),
    "literal_error": lambda c: (str(c["expected"]), None),
    "string_pattern_mismatch": lambda c: (
        f"a match of {c['pattern']}",
        "lower-case letters, digits and dashes" if c["pattern"].startswith("^[a-z") else None,
    ),
}
