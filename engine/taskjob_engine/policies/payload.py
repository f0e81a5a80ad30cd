"""What a payload may be, for every door alike: a JSON object, bounded in size and depth, exact in every reader.

It checks and never changes a payload. Integers stay within ±2^53 because a JavaScript or Go reader would round
them silently beyond it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from taskjob.errors import InvalidError, TooLargeError

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_INTEGER = 2**53

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
"""Ordinary payloads have none: only a match (or many brackets) makes the whole value worth walking through. The
decoder itself refuses NaN, infinities and halves of surrogate pairs."""


def check_payload(raw: bytes, *, field: str = "/payload", max_bytes: int = MAX_PAYLOAD_BYTES) -> None:
    """Refuse raw JSON that is no legal payload: `TooLargeError` for size and depth, `InvalidError` for the rest,
    with the RFC 6901 pointer to the culprit."""
    _check_size(len(raw), field, max_bytes)
    try:
        value = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(f"the payload is no JSON: {error}", field=field, hint=_OBJECT_HINT) from error
    except RecursionError as error:
        raise _too_deep(field) from error
    _check_object(value, field)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or _LONG_NUMBER.search(raw) is not None:
        _check_value(value, field)


def encode_payload(value: Any, *, field: str = "/payload", max_bytes: int = MAX_PAYLOAD_BYTES) -> bytes:
    """The JSON of a payload that arrived as Python values (from YAML, or a typed task), checked the same way."""
    _check_object(value, field)
    _check_value(value, field)
    raw = _encode(value)
    _check_size(len(raw), field, max_bytes)
    return raw


_OBJECT_HINT = 'write an object, for example {"width": 640}'


def _check_size(size: int, field: str, limit: int) -> None:
    if size > limit:
        raise TooLargeError(
            f"the payload has {size} bytes; the limit is {limit}",
            field=field,
            hint="put large data where the task can fetch it and name it in the payload",
        )


def _check_object(value: Any, field: str) -> None:
    if not isinstance(value, dict):
        raise InvalidError(f"the payload must be a JSON object, not {_kind(value)}", field=field, hint=_OBJECT_HINT)


def _check_value(value: Any, field: str) -> None:
    """Walk without recursion: depth is what is being judged."""
    rest: list[tuple[Any, str, int]] = [(value, field, 1)]
    while rest:
        item, pointer, depth = rest.pop()
        if isinstance(item, (dict, list, tuple)):
            if depth > MAX_DEPTH:
                raise _too_deep(field)
            rest.extend((child, f"{pointer}/{step}", depth + 1) for step, child in _children(item, pointer))
        else:
            _check_scalar(item, pointer)


def _children(item: dict[Any, Any] | list[Any] | tuple[Any, ...], pointer: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(item, dict):
        yield from ((str(index), child) for index, child in enumerate(item))
        return
    for key, child in item.items():
        if not isinstance(key, str):
            raise InvalidError(f"the key {key!r} is {_kind(key)}; keys of JSON objects are strings", field=pointer)
        step = key.replace("~", "~0").replace("/", "~1")
        _check_text(key, pointer)
        yield step, child


def _check_scalar(item: Any, pointer: str) -> None:
    if isinstance(item, str):
        _check_text(item, pointer)
    elif item is None or isinstance(item, bool):
        return
    elif isinstance(item, int):
        if not -MAX_INTEGER <= item <= MAX_INTEGER:
            raise InvalidError(
                "the integer is beyond ±2^53, where JSON readers disagree", field=pointer, hint="send it as a string"
            )
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise InvalidError("JSON has no NaN or Infinity", field=pointer, hint="send null or a string")
    else:
        raise InvalidError(f"{_kind(item)} has no JSON form", field=pointer, hint="send it as a string")


def _check_text(text: str, pointer: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidError("the text has half of a surrogate pair, which is no Unicode", field=_printable(pointer))


def _printable(pointer: str) -> str:
    return pointer.encode("utf-8", "replace").decode()


def _too_deep(field: str) -> TooLargeError:
    return TooLargeError(f"the payload is nested deeper than {MAX_DEPTH} levels", field=field, hint="flatten it")


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)
