"""Durations and moments on the command line: `90`, `90s`, `5m`, `2h`, `1d`, or RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)\Z")


class Duration(click.ParamType[float]):
    """Seconds as a float."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        match = _DURATION.match(str(value))
        if match is None:
            self.fail(f"{value!r} is no duration; write it like 90, 90s, 5m or 2h", param, ctx)
        return float(match[1]) * _UNITS[match[2]]


class Moment(click.ParamType[datetime]):
    """A duration from now, or an RFC 3339 time; as an aware datetime."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if match := _DURATION.match(str(value)):
            return datetime.now(UTC) + timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail(f"{value!r} is neither a duration like 5m nor a time like 2026-11-23T06:00:00Z", param, ctx)
        return at


DURATION = Duration()
MOMENT = Moment()
