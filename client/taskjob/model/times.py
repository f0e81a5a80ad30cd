"""Microseconds inside, RFC 3339 UTC at the edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Micros = int
"""Microseconds since the Unix epoch, or a span of them. Fits 2^53 until the year 2255."""

SECOND: Micros = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(at: Micros) -> str:
    """RFC 3339 in UTC with microseconds, for example `2026-11-23T06:00:00.250000Z`."""
    return (_EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> Micros:
    """Read RFC 3339. A time without an offset is refused (`ValueError`): it names no moment."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2026-11-23T06:00:00Z")
    return (moment - _EPOCH) // timedelta(microseconds=1)
