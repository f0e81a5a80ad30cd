"""Identifiers: 128 bits as 32 lower-case hex digits."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time

_HEX = re.compile(r"[0-9a-f]{32}\Z")
_POOL_BYTES = 4096


class _Source:
    """Stamps that only grow, and random bytes fetched from the operating system a page at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp = 0
        self._pool = b""
        self._used = 0

    def draw(self) -> tuple[int, int]:
        """The next (stamp, 62 random bits)."""
        with self._lock:
            nanoseconds = time.time_ns()
            stamp = (nanoseconds // 1_000_000) << 12 | (nanoseconds % 1_000_000) * 4096 // 1_000_000
            self._stamp = stamp = max(stamp, self._stamp + 1)
            at = self._used
            if at >= len(self._pool):
                self._pool, at = os.urandom(_POOL_BYTES), 0
            self._used = at + 8
            return stamp, int.from_bytes(self._pool[at : at + 8], "big") & 0x3FFF_FFFF_FFFF_FFFF

    def forget(self) -> None:
        """A forked child must not draw what its parent draws."""
        self._lock = threading.Lock()
        self._pool = b""


_source = _Source()
os.register_at_fork(after_in_child=_source.forget)


def new_job_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7) without dashes.

    Ids made in one process sort in the order of making (12 bits of sub-millisecond time, method 3 of
    §6.2), so that an index on them grows at its end.
    """
    stamp, tail = _source.draw()
    return "%032x" % ((stamp >> 12) << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 2 << 62 | tail)


def new_lease_id() -> str:
    """128 random bits from the operating system: a fencing token that cannot be guessed or recur."""
    return secrets.token_hex(16)


def is_identifier(text: str) -> bool:
    return _HEX.match(text) is not None
