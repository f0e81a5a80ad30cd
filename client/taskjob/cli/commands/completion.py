"""`taskjob completion`."""

from __future__ import annotations

import click

_NEXT = {
    "bash": "echo 'eval \"$(taskjob completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(taskjob completion zsh)\"' >> ~/.zshrc",
    "fish": "taskjob completion fish > ~/.config/fish/completions/taskjob.fish",
}


@click.command(epilog="\b\nInstall it with:\n" + "\n".join(f"  {line}" for line in _NEXT.values()))
@click.argument("shell", type=click.Choice(tuple(_NEXT)))
def command(*, shell: str) -> None:
    """Print the completion script of SHELL."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    from taskjob.cli.app import root  # noqa: PLC0415 - the root imports this file lazily

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root, {}, "taskjob", "_TASKJOB_COMPLETE").source())
