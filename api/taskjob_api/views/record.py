"""What every record of an answer has in common."""

from __future__ import annotations

from typing import Any

import msgspec

from taskjob.model import Micros, format_time


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Fields without a default are always told; others only where they hold something."""


def told_time(at: Micros | None) -> str | None:
    return None if at is None else format_time(at)


def told_record(record: msgspec.Struct) -> dict[str, Any]:
    """The record with its defaults told, camelCase, without what is None."""
    told: dict[str, Any] = {}
    for name, key in zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True):
        value = getattr(record, name)
        if value is not None:
            told[key] = told_record(value) if isinstance(value, msgspec.Struct) else value
    return told
