"""Data on stdout: tables, JSON, YAML. Nothing is ever cut; colour only on a terminal, and not with NO_COLOR.

What others wrote (names, messages, progress, logs) reaches the terminal as text, never as its commands: it goes
through `visible`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any

import click

_PHASE_COLOURS = {
    "Completed": "green",
    "DeadLetter": "red",
    "Cancelled": "yellow",
    "Running": "cyan",
    "Assigned": "cyan",
    "RetryQueued": "yellow",
    "Paused": "yellow",
    "Draining": "yellow",
    "Closed": "red",
}

PLUGIN = "kubectl taskjob"
_COMMAND = re.compile(r"(?<![\w/.-])taskjob (?=[a-z])")

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CELL = {code: f"\\u{code:04x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *_BIDI)}
_LINES = {code: shown for code, shown in _CELL.items() if chr(code) not in "\n\t"}


def visible(text: str, *, lines: bool = True) -> str:
    """`text` with its control characters, and those that turn the direction of writing, shown as JSON escapes.
    With `lines`, line ends and tabs stay as they are."""
    return text.translate(_LINES if lines else _CELL)


def to_type(line: str) -> str:
    """A command of the command line as the user of this program types it: as a plugin it is `kubectl taskjob`. Steps
    that the api suggests come through here too."""
    program = click.get_current_context().find_root().info_name
    return _COMMAND.sub(f"{PLUGIN} ", line) if program == PLUGIN else line


def is_terminal(stream: IO[str] | None = None) -> bool:
    """True where drawing makes sense: a terminal that can move its cursor."""
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def coloured(stream: IO[str] | None = None) -> bool:
    return is_terminal(stream) and "NO_COLOR" not in os.environ


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, headers: bool = True) -> None:
    """Left-aligned columns, two spaces apart; the last is not padded."""
    filled = [[visible(cell, lines=False) or "-" for cell in row] for row in rows]
    lines = [list(columns), *filled] if headers else filled
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(columns))]
    colour = coloured()
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        padded[-1] = line[-1]
        if colour and line in filled:
            padded = [_in_colour(cell, padded_cell) for cell, padded_cell in zip(line, padded, strict=True)]
        click.echo("  ".join(padded).rstrip())


def print_fields(fields: Iterable[tuple[str, str]], *, indent: int = 0) -> None:
    """`Name:   value` lines, the values in one column; a value of several lines is indented below its name."""
    told = [(name, value) for name, value in fields if value != ""]
    width = max((len(name) for name, _ in told), default=0) + 1
    for name, value in told:
        first, *more = visible(value).rstrip("\n").split("\n")
        click.echo(f"{' ' * indent}{f'{name}:'.ljust(width)}  {first}".rstrip())
        for line in more:
            click.echo(f"{' ' * (indent + width)}  {line}".rstrip())


def print_json(value: Any) -> None:
    import json  # noqa: PLC0415 - only where asked for

    tell(json.dumps(value, indent=2, ensure_ascii=False))


def print_yaml(documents: Sequence[Any]) -> None:
    import yaml  # noqa: PLC0415 - only where asked for

    def dump(*, allow_unicode: bool) -> str:
        several = len(documents) > 1
        return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=allow_unicode, explicit_start=several)

    text = dump(allow_unicode=True)
    # Where YAML would leave something invisible as it is, it escapes whatever is not ASCII.
    click.echo(text if visible(text) == text else dump(allow_unicode=False), nl=False)


def tell(text: str, *, nl: bool = True) -> None:
    """Text from elsewhere, on stdout."""
    click.echo(visible(text), nl=nl)


def note(text: str) -> None:
    """Talk goes to stderr, so that stdout stays data."""
    click.echo(visible(text), err=True)


def warn(text: str) -> None:
    label = click.style("warning:", fg="yellow", bold=True) if coloured(sys.stderr) else "warning:"
    click.echo(f"{label} {visible(text)}", err=True)


def _in_colour(cell: str, padded: str) -> str:
    colour = _PHASE_COLOURS.get(cell)
    return click.style(padded, fg=colour) if colour else padded
