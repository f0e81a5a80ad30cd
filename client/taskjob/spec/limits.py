"""Bounds of JSON that a type cannot state: depth, integers that other languages keep exactly, finite numbers, size.

The one place that says them, for command line, SDK and api. What is too large is `TooLarge`, every other breach
`Invalid`, with the pointer to the culprit. It checks and never changes a value.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from taskjob.errors import InvalidError, TaskJobError, TooLargeError

MAX_PAYLOAD_BYTES = 64 * 1024
MAX_STORED_PAYLOAD_BYTES = 16 * 1024
"""In a custom resource, which the cluster's own store rewrites with every status."""
MAX_DEPTH = 32
MAX_BATCH_ITEMS = 1000
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_INTEGER = 2**53

# Each byte as what it could begin: a digit, an exponent, an escape, a line break. Looking for a few constants in the
# translated text costs a tenth of one regular expression.
_CLASSES = bytes(
    {0x0A: 0x0A, 0x0D: 0x0A, ord("e"): ord("e"), ord("E"): ord("e")}.get(
        byte, ord("0") if 0x30 <= byte <= 0x39 else byte if byte in b"+u\\" else 0
    )
    for byte in range(256)
)


def pointer(*parts: str | int) -> str:
    """An RFC 6901 pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def surely_within_limits(raw: bytes) -> bool:
    """True only if the JSON text stands on one line and cannot break a bound of `check_json`; cheap, and may be False
    for innocent text."""
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        return False
    classes = raw.translate(_CLASSES)
    long_number = b"0000000000000000" in classes
    large_exponent = b"e000" in classes or b"e+000" in classes
    return not (long_number or large_exponent or b"\\u" in classes or b"\n" in classes)


def check_payload(payload: dict[str, Any], field: str = "/payload", *, limit: int = MAX_PAYLOAD_BYTES) -> None:
    """Raise `TooLargeError` above `limit` bytes of compact JSON, `InvalidError` as `check_json`."""
    check_json(payload, field)
    size = len(msgspec.json.encode(payload))
    if size > limit:
        raise TooLargeError(
            f"the payload is {size} bytes of JSON; at most {limit} are accepted",
            field=field,
            hint="store large input elsewhere and put its address into the payload",
        )


def check_json(value: Any, field: str = "") -> None:
    """Raise `InvalidError` for the first number, key or depth that JSON elsewhere could not hold.

    Walks with its own stack: hostile nesting must not exhaust Python's.
    """
    pending: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while pending:
        node, path = pending.pop()
        if isinstance(node, dict | list):
            if len(path) >= MAX_DEPTH:
                raise InvalidError(
                    f"nested deeper than {MAX_DEPTH} levels", field=field + pointer(*path[:4]), hint="flatten the value"
                )
            pending += [(child, (*path, key)) for key, child in _children(node, field, path)]
        elif (problem := _leaf_problem(node, field, path)) is not None:
            raise problem


def _children(node: Any, field: str, path: tuple[str | int, ...]) -> list[tuple[str | int, Any]]:
    if isinstance(node, list):
        return list(enumerate(node))
    for key in node:
        if not isinstance(key, str):
            raise InvalidError(
                f"the key {key!r} is not a string", field=field + pointer(*path), hint=f'quote it: "{key}"'
            )
        if not _is_text(key):
            raise InvalidError("a key is not valid Unicode", field=field + pointer(*path))
    return list(node.items())


def _leaf_problem(leaf: Any, field: str, path: tuple[str | int, ...]) -> TaskJobError | None:
    problem: tuple[str, str | None] | None = None
    match leaf:
        case None | bool():
            pass
        case str() if not _is_text(leaf):
            problem = ("the string is not valid Unicode", None)
        case int() if not -MAX_INTEGER <= leaf <= MAX_INTEGER:
            problem = ("the integer is beyond ±2^53, which JSON does not carry exactly", "send it as a string")
        case float() if not math.isfinite(leaf):
            problem = ("the number is not finite", "JSON has no NaN and no Infinity")
        case str() | int() | float():
            pass
        case _:
            problem = (f"{type(leaf).__name__} is not a JSON value", None)
    return None if problem is None else InvalidError(problem[0], field=field + pointer(*path), hint=problem[1])


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
