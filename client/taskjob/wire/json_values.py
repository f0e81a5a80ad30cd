"""Results and checkpoints as they are kept: one line of compact JSON that every later reader can take.

A worker's raw text may hold line breaks (which end frames), bytes that are no UTF-8, numbers that no float holds, or
nesting that exhausts readers. It is read and written anew here, once, before it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

MAX_VALUE_DEPTH = 100


def compact(raw: bytes) -> bytes:
    """The same value as compact JSON. Raises `ValueError` that says what is wrong with it."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if _may_be_deep(raw) and _is_deep(value):
        raise ValueError(f"nested deeper than {MAX_VALUE_DEPTH} levels")
    return msgspec.json.encode(value)


def is_too_deep(raw: bytes) -> bool:
    """Whether JSON that a serializer wrote is nested deeper than is kept."""
    return _may_be_deep(raw) and _is_deep(msgspec.json.decode(raw))


def _may_be_deep(raw: bytes) -> bool:
    return raw.count(b"[") + raw.count(b"{") > MAX_VALUE_DEPTH


def _is_deep(value: Any) -> bool:
    """Walks by levels: hostile nesting must not exhaust Python's stack."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_VALUE_DEPTH):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
    return bool(level)


def _children(node: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return node if isinstance(node, list) else node.values()
