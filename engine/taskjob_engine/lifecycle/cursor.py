"""Keyset cursors of job lists: opaque to callers, checked when they come back. Pure.

A cursor names the last job shown and is bound to its namespace. The check sum finds a cut, mistyped or
foreign cursor; it is no secret, and needs none: what a cursor may show is decided by the namespace of the call.
"""

from __future__ import annotations

import hashlib

from taskjob.errors import InvalidError
from taskjob.model import is_identifier

_ID_LENGTH = 32
_SUM_BYTES = 4


def encode_cursor(namespace: str, last_id: str) -> str:
    return last_id + _sum(namespace, last_id)


def decode_cursor(namespace: str, cursor: str) -> str:
    """The id to continue after. `InvalidError` for a cursor that this namespace was never given."""
    last_id, check = cursor[:_ID_LENGTH], cursor[_ID_LENGTH:]
    if not is_identifier(last_id) or check != _sum(namespace, last_id):
        raise InvalidError(
            "The cursor is not one of this list",
            field="/cursor",
            hint="pass on the cursor of the page before, unchanged, with the same namespace",
        )
    return last_id


def _sum(namespace: str, last_id: str) -> str:
    return hashlib.blake2s(f"{namespace}/{last_id}".encode(), digest_size=_SUM_BYTES).hexdigest()
