"""The root command of `kubectl taskjob`, and what kubectl's completion is told."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import ClassVar

import click

from taskjob.cli.app import COMMANDS, LazyGroup, invoke
from taskjob.cli.output import PLUGIN
from taskjob.cli.plugin.kubectl import Kubectl

OWN = {
    "cancel": ("Jobs", "Cancel TaskJobs."),
    "rerun": ("Jobs", "Run finished TaskJobs or dead letters again."),
    "pause": ("Queues", "Stop handing out a TaskQueue's jobs."),
    "resume": ("Queues", "Hand out a paused TaskQueue's jobs again."),
    "top": ("Queues", "Show queues and workers with their load."),
    "token": ("Other", "Print a token for the api."),
}
SHARED = ("submit", "get", "describe", "logs", "result", "wait", "explain", "dlq", "stats", "version")
NO_FILES = ":4"
"""kubectl's ShellCompDirectiveNoFileComp."""

EPILOG = (
    "--kubeconfig and --context are kubectl's and may stand anywhere; -n names the namespace, else the context's.\n\n"
    "The api is found by its labels, or as TASKJOB_API_SERVICE (namespace/name) says, and reached by kubectl "
    "port-forward; the token is TASKJOB_TOKEN's or one for the ServiceAccount in TASKJOB_SERVICE_ACCOUNT "
    "(else 'default').\n\n"
    "Exit codes: 0 ok, 1 job failed, 2 usage, 3 not found, 4 timeout, 5 not allowed, 6 conflict, "
    "7 cannot connect, 130 interrupted."
)


class PluginGroup(LazyGroup):
    table: ClassVar[dict[str, tuple[str, str]]] = {
        name: line for name, line in {**COMMANDS, **OWN}.items() if name in OWN or name in SHARED
    }

    def module_of(self, name: str) -> str:
        return f"taskjob.cli.{'plugin.' * (name in OWN)}commands.{name}"


@click.group(cls=PluginGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="taskjob", message="taskjob %(version)s")
@click.pass_context
def root(context: click.Context) -> None:
    """Background jobs on workers that are already warm."""
    from taskjob.cli.plugin.reach import ClusterReach  # noqa: PLC0415 - not for --help

    assert isinstance(context.obj, Kubectl)
    context.obj = ClusterReach(context.obj)


def run(arguments: Sequence[str]) -> None:
    """Run one command line and leave the process with its exit code."""
    # A port-forward is ended by whoever began it, also when that one is told to go.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    flags, words = take_flags(arguments)
    sys.exit(invoke(words, command=root, name=PLUGIN, context=Kubectl(flags)))


def take_flags(arguments: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The flags of kubectl itself, wherever they stand before a `--`, and the rest."""
    flags: list[str] = []
    words: list[str] = []
    left = iter(arguments)
    for word in left:
        name, equals, _ = word.partition("=")
        if name in {"--kubeconfig", "--context"}:
            flags.append(word if equals else f"{word}={next(left, '')}")
        elif word == "--":
            words += [word, *left]
        else:
            words.append(word)
    return tuple(flags), words


def print_completions(arguments: Sequence[str]) -> None:
    """One word a line with its help, then the directive; the last argument is what is being typed."""
    from click.shell_completion import ShellComplete  # noqa: PLC0415

    *before, typed = arguments or [""]
    completion = ShellComplete(root, {"obj": Kubectl()}, "kubectl taskjob", "_UNUSED")
    for item in completion.get_completions(take_flags(before)[1], typed):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(NO_FILES)
