"""Where bytes too large for the job store live: results, logs, files of tasks.

This package owns keys and the `ArtifactStore` seam; each store stands in its own module and knows no other.
Who may read or write an object is decided above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from taskjob_engine.artifacts.keys import (
    check_key,
    check_prefix,
    delivery_of,
    delivery_prefix,
    job_prefix,
    lease_prefix,
    log_key,
    result_key,
)

__all__ = [
    "ArtifactInfo",
    "ArtifactStore",
    "check_key",
    "check_prefix",
    "delivery_of",
    "delivery_prefix",
    "job_prefix",
    "lease_prefix",
    "log_key",
    "result_key",
]


class ArtifactInfo(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    size: int


class ArtifactStore(Protocol):
    """Immutable objects under slash-separated keys. Every verb validates what it is given (`InvalidError`) and
    raises `UnavailableError` where the storage cannot serve: disk full, not reachable.

    A prefix names whole path segments: `a/b` covers `a/b` and `a/b/c`, never `a/bc`; a trailing slash is allowed.
    """

    async def open(self) -> None:
        """Make sure that objects can be written and read."""
        ...

    async def close(self) -> None:
        """Let go, after calls under way. Safe to call twice, or before `open`."""
        ...

    async def put(self, key: str, data: bytes) -> bool:
        """Create the object, whole or not at all, durable on return. False: it exists and was left as it is."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The object, or None where there is none."""
        ...

    async def list_prefix(self, prefix: str, *, after: str = "") -> list[ArtifactInfo]:
        """All objects under the prefix whose key sorts behind `after`, in order of key; empty where there are
        none."""
        ...

    async def delete_prefix(self, prefix: str) -> int:
        """Delete all objects under the prefix and tell how many. Deleting nothing is no error."""
        ...

    async def sweep(self, prefixes: Sequence[str]) -> list[bool]:
        """Delete all objects under each prefix. One verdict a prefix: False where some of it is still there, for a
        reason that the store logs; try that one again later."""
        ...
