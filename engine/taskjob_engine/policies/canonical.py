"""The hash behind idempotency: two documents that mean the same submit have the same hash, whatever door they
came by, and a new default field never changes it.

Mutable fields are no part of it: they may be amended between a submit and its honest repeat.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from taskjob.errors import InvalidError

MUTABLE_FIELDS = frozenset(
    {"priority", "suspend", "cancel", "rerun", "ttlSecondsAfterFinished", "ttlSecondsAfterFailed"}
)

_EXACT_INTEGER = 2.0**53
_FLOAT = re.compile(rb"[0-9](?:\.[0-9]|[eE][+-]?[0-9])")
_encode = msgspec.json.Encoder(order="sorted").encode


def document_hash(document: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the canonical JSON of a job's document, with its queue already resolved."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def canonical_json(document: Mapping[str, Any]) -> bytes:
    """Keys sorted, no spaces, mutable and null fields left out, `1.0` written `1`. The payload's own nulls stay:
    there they are the user's data."""
    kept = {
        name: value if name == "payload" else _without_nulls(value)
        for name, value in document.items()
        if value is not None and name not in MUTABLE_FIELDS
    }
    raw = _sorted(kept)
    return _sorted(_canonical_numbers(kept)) if _FLOAT.search(raw) else raw


def _sorted(value: Any) -> bytes:
    try:
        return _encode(value)
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidError(f"the document has no JSON form: {error}") from error


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value


def _canonical_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _EXACT_INTEGER else value
    if isinstance(value, dict):
        return {name: _canonical_numbers(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical_numbers(item) for item in value]
    return value
