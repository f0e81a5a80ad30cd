"""How a task's JSON payload becomes the arguments of its function, and back.

A payload is always a JSON object. A function takes it whole, as one dataclass, msgspec struct, TypedDict,
pydantic model or `dict`, or spread over plain parameters. pydantic is touched only where an annotation is one of
its models. A parameter annotated `Context` is not part of the payload.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from taskjob.context import Context
from taskjob.errors import InvalidError


class InvalidPayloadError(InvalidError):
    """The payload does not fit the task. `field` points into the payload; sending it again will not help."""

    code = "InvalidPayload"
    title = "The payload does not fit the task"


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """How one function is called: read once from its signature, then used for each payload.

    `whole` is the parameter that takes the whole payload, None where it is spread over parameters;
    `context` the parameter that takes the `Context`.
    """

    task: str
    shape: Any
    whole: str | None
    context: str | None
    empty: bool
    decode: Callable[[bytes | msgspec.Raw], Any]
    open_ended: bool = False

    def arguments(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """Keyword arguments for the function, without the context. Raises `InvalidPayloadError`."""
        if self.empty and bytes(raw) == _NOTHING:
            return {}
        try:
            value = self.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _invalid(self.task, str(error)) from error
        if self.whole is not None:
            return {self.whole: value}
        if isinstance(value, dict):
            return value
        return {name: getattr(value, name) for name in value.__struct_fields__}

    def check(self, payload: Any) -> dict[str, Any]:
        """The JSON object to submit for `payload` (an instance of the shape, a mapping, or None for no fields)."""
        if payload is None:
            plain: Any = {}
        elif _is_pydantic(type(payload)):
            plain = payload.model_dump(mode="json")
        else:
            try:
                plain = msgspec.to_builtins(payload, str_keys=True)
            except (TypeError, ValueError) as error:
                raise InvalidPayloadError(
                    f"the payload of {self.task!r} is not JSON: {error}",
                    field="/payload",
                    hint="use only objects, lists, strings, numbers, booleans and null",
                ) from error
        if not isinstance(plain, dict):
            raise InvalidPayloadError(
                f"the payload of {self.task!r} must be a JSON object, not {type(payload).__name__}", field="/payload"
            )
        self.arguments(msgspec.json.encode(plain))
        return plain


_NOTHING = b"{}"


def bind(function: Callable[..., Any], task: str) -> Binding:
    """Read a function's signature. Raises `TypeError` where its parameters cannot be filled from JSON."""
    hints = _hints(function, task)
    parameters = list(inspect.signature(function).parameters.values())
    context = next((p.name for p in parameters if hints.get(p.name) is Context), None)
    fields = [p for p in parameters if p.name != context]
    for parameter in fields:
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL}:
            raise TypeError(f"task {task!r}: parameter {parameter.name!r} must be passable by keyword")
    if len(fields) == 1 and fields[0].kind is not inspect.Parameter.VAR_KEYWORD:
        shape = hints.get(fields[0].name)
        if _takes_whole(shape):
            return _binding(task, shape, whole=fields[0].name, context=context)
    return _binding_of_fields(task, fields, hints, context)


def _binding_of_fields(
    task: str, fields: list[inspect.Parameter], hints: dict[str, Any], context: str | None
) -> Binding:
    open_ended = any(p.kind is p.VAR_KEYWORD for p in fields)
    named = [p for p in fields if p.kind is not p.VAR_KEYWORD]
    members: list[tuple[str, Any, Any]] = [
        (p.name, hints.get(p.name, Any), msgspec.NODEFAULT if p.default is p.empty else _default(p)) for p in named
    ]
    if open_ended:
        return _binding(task, dict[str, Any], whole=None, context=context)
    # A payload may name its own task in `type` (REST's shorthand); a task without such a parameter ignores it.
    shape = msgspec.defstruct("Payload", members, kw_only=True, forbid_unknown_fields=True)
    binding = _binding(task, shape, whole=None, context=context)
    if any(p.name == "type" for p in named):
        return binding
    return msgspec.structs.replace(binding, decode=_without_type(binding.decode, task))


def _binding(task: str, shape: Any, *, whole: str | None, context: str | None) -> Binding:
    return Binding(
        task=task,
        shape=shape,
        whole=whole,
        context=context,
        empty=isinstance(shape, type) and issubclass(shape, msgspec.Struct) and not shape.__struct_fields__,
        decode=_decoder(shape, task),
        open_ended=whole is None and shape == dict[str, Any],
    )


def _default(parameter: inspect.Parameter) -> Any:
    return msgspec.field(default_factory=lambda: parameter.default)


def _decoder(shape: Any, task: str) -> Callable[[bytes | msgspec.Raw], Any]:
    if _is_pydantic(shape):
        return _pydantic_decoder(shape, task)
    try:
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(shape)
    except TypeError as error:
        raise TypeError(f"task {task!r}: {error}; annotate with types that JSON can hold") from error
    if dataclasses.is_dataclass(shape):
        return _strict(decoder, {field.name for field in dataclasses.fields(shape)})
    return decoder.decode


def _strict(decoder: msgspec.json.Decoder[Any], known: set[str]) -> Callable[[bytes | msgspec.Raw], Any]:
    """The decoder ignores unknown keys of dataclasses; a typing mistake in a payload must not pass unseen."""
    keys: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def decode(raw: bytes | msgspec.Raw) -> Any:
        value = decoder.decode(raw)
        for name in keys.decode(raw):
            if name not in known and name != "type":
                raise msgspec.ValidationError(f"Object contains unknown field `{name}`")
        return value

    return decode


def _without_type(decode: Callable[[bytes | msgspec.Raw], Any], task: str) -> Callable[[bytes | msgspec.Raw], Any]:
    objects: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def retry_without_type(raw: bytes | msgspec.Raw) -> Any:
        try:
            return decode(raw)
        except msgspec.ValidationError:
            fields = objects.decode(raw)
            if bytes(fields.get("type", b"")) != msgspec.json.encode(task):
                raise
            del fields["type"]
            return decode(msgspec.json.encode(fields))

    return retry_without_type


def _pydantic_decoder(shape: Any, task: str) -> Callable[[bytes | msgspec.Raw], Any]:
    def decode(raw: bytes | msgspec.Raw) -> Any:
        try:
            return shape.model_validate_json(bytes(raw))
        except ValueError as error:
            first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
            field = "".join(f"/{part}" for part in first["loc"])
            raise InvalidPayloadError(f"task {task!r}: {field or '/'}: {first['msg']}", field=field) from error

    return decode


def _takes_whole(shape: Any) -> bool:
    origin = typing.get_origin(shape) or shape
    if not isinstance(origin, type):
        return False
    return (
        dataclasses.is_dataclass(origin)
        or issubclass(origin, msgspec.Struct | dict)
        or origin is Mapping
        or typing.is_typeddict(origin)
        or _is_pydantic(origin)
    )


def _is_pydantic(shape: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(shape, type) and issubclass(shape, pydantic.BaseModel)


def _hints(function: Callable[..., Any], task: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError) as error:
        raise TypeError(
            f"task {task!r}: its annotations cannot be read ({error}); define or import them at module level"
        ) from error


def _invalid(task: str, text: str) -> InvalidPayloadError:
    """Decoder errors end their messages with " - at `$.a[0].b`"; make that a JSON pointer."""
    message, _, path = text.partition(" - at `")
    field = path.rstrip("`").removeprefix("$").replace("[", ".").replace("]", "").replace(".", "/")
    if "unknown field `" in message or "required field `" in message:
        field += "/" + message.rsplit("field `", 1)[1].split("`", 1)[0]
    return InvalidPayloadError(f"task {task!r}: {field or '/'}: {message}", field=field)
