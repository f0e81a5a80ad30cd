"""Identifiers: 128 bits as 32 lower-case hex digits."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time

_HEX = re.compile(r"[0-9a-f]{32}\Z")
_lock = threading.Lock()
_last_stamp = 0


def new_job_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7) without dashes.

    Ids made in one process sort in the order of making (12 bits of sub-millisecond time, method 3 of
    §6.2), so that an index on them grows at its end.
    """
    global _last_stamp  # noqa: PLW0603 - the one monotonic counter of the process
    with _lock:
        nanoseconds = time.time_ns()
        stamp = (nanoseconds // 1_000_000) << 12 | (nanoseconds % 1_000_000) * 4096 // 1_000_000
        _last_stamp = stamp = max(stamp, _last_stamp + 1)
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    value = (stamp >> 12) << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 2 << 62 | tail
    return f"{value:032x}"


def new_lease_id() -> str:
    """128 random bits from the operating system: a fencing token that cannot be guessed or recur."""
    return secrets.token_hex(16)


def is_identifier(text: str) -> bool:
    return _HEX.match(text) is not None
