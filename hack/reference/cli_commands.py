"""Every command's help text, from the command tree itself."""

from __future__ import annotations

from collections.abc import Iterator

import click


def walk(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from walk(child, click.Context(child, info_name=name, parent=context, terminal_width=100))


def render() -> str:
    from taskjob.cli.app import root as command_line

    root = click.Context(command_line, info_name="taskjob", terminal_width=100)
    parts = []
    for command, context in walk(command_line, root):
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(
            f"{'#' * min(2 + context.command_path.count(' '), 4)} {context.command_path}\n\n```text\n{text}\n```"
        )
    return "\n\n".join(parts)
