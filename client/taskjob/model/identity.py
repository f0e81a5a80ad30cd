"""Identifiers: 128 bits as 32 lower-case hex digits."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time

_HEX = re.compile(r"[0-9a-f]{32}\Z")
_POOL_BYTES = 4096
_TAIL_DIGITS = 15


class _Source:
    """Stamps that only grow, and random digits fetched from the operating system a page at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp = 0
        self._pool = ""
        self._used = 0

    def draw(self) -> tuple[int, str]:
        """The next (stamp, 60 random bits as digits)."""
        with self._lock:
            milliseconds, rest = divmod(time.time_ns(), 1_000_000)
            stamp = milliseconds << 12 | rest * 4096 // 1_000_000
            if stamp <= self._stamp:
                stamp = self._stamp + 1
            self._stamp = stamp
            at = self._used
            end = at + _TAIL_DIGITS
            if end > len(self._pool):
                self._pool, at, end = os.urandom(_POOL_BYTES).hex(), 0, _TAIL_DIGITS
            self._used = end
            return stamp, self._pool[at:end]

    def forget(self) -> None:
        """A forked child must not draw what its parent draws."""
        self._lock = threading.Lock()
        self._pool = ""


_source = _Source()
os.register_at_fork(after_in_child=_source.forget)


def new_job_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7) without dashes; of the variant's digit only 8 is used, so 60 bits are random.

    Ids made in one process sort in the order of making (12 bits of sub-millisecond time, method 3 of
    §6.2), so that an index on them grows at its end.
    """
    stamp, tail = _source.draw()
    return f"{stamp >> 12:012x}7{stamp & 0xFFF:03x}8{tail}"


def new_lease_id() -> str:
    """128 random bits from the operating system: a fencing token that cannot be guessed or recur."""
    return secrets.token_hex(16)


def is_identifier(text: str) -> bool:
    return _HEX.match(text) is not None
