"""The one way a document writes a moment: RFC 3339 with an offset."""

from __future__ import annotations

import re

from taskjob.model.times import format_time, parse_time

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z")


def check_time(text: str) -> str:
    """The text unchanged. Raises `ValueError` where it names no moment."""
    if _RFC3339.match(text) is None:
        raise ValueError("expected an RFC 3339 time such as 2026-11-23T06:00:00Z")
    try:
        format_time(parse_time(text.upper()))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"no such time: {error}") from error
    return text
