"""A payload from what stands in a command line, in a file or on stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

_MOST_BYTES = 1024 * 1024


def payload_of(fields: tuple[str, ...], source: str | None) -> dict[str, Any]:
    """The object of `source` (JSON text, @FILE or -), with the KEY=VALUE `fields` over it."""
    payload = {} if source is None else _object(_text(source))
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals or key in {"", ":"}:
            raise click.UsageError(f"{field!r} is not KEY=VALUE")
        payload[key.removesuffix(":")] = value if key.endswith(":") else _value(value)
    return payload


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text
    except RecursionError as error:
        raise click.UsageError("a value is nested too deep") from error


def _object(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except RecursionError as error:
        raise click.UsageError("--json is nested too deep") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise click.UsageError(f"--json is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.UsageError("--json must be an object, like '{\"value\": 123}'")
    return value


def _text(source: str) -> str:
    if source != "-" and not source.startswith("@"):
        return source
    try:
        text = sys.stdin.read(_MOST_BYTES + 1) if source == "-" else Path(source[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--json {source}: {error}") from error
    if len(text) > _MOST_BYTES:
        raise click.UsageError(f"--json {source} is over {_MOST_BYTES} bytes")
    return text
