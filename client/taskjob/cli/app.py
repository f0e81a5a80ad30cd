"""The root command: which commands there are, and how an error becomes three lines and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar

import click

from taskjob.cli.exit_codes import ExitCode, exit_code_of
from taskjob.cli.output import note, visible
from taskjob.errors import TaskJobError

# name → (group in --help, one line of help). The command itself is `taskjob.cli.commands.<name>:command`.
COMMANDS = {
    "dev": ("Start", "Run api, worker and store on this machine."),
    "api": ("Start", "Run the api: REST, worker gateway, engine and store."),
    "worker": ("Start", "Run a worker for the tasks of a module."),
    "operator": ("Start", "Run the operator: custom resources of a cluster."),
    "submit": ("Jobs", "Submit one job of a task."),
    "apply": ("Jobs", "Create or change what YAML documents describe."),
    "get": ("Jobs", "List or show jobs, queues or workers."),
    "describe": ("Jobs", "Show everything about a job, queue or worker."),
    "logs": ("Jobs", "Print what a job's task wrote."),
    "result": ("Jobs", "Print what a job's task returned."),
    "wait": ("Jobs", "Wait until jobs reach a condition."),
    "explain": ("Jobs", "Say why a job is not running."),
    "cancel": ("Jobs", "Cancel jobs."),
    "rerun": ("Jobs", "Run finished jobs or dead letters again."),
    "dlq": ("Queues", "List, rerun or purge dead letters."),
    "pause": ("Queues", "Stop handing out a queue's jobs."),
    "resume": ("Queues", "Hand out a paused queue's jobs again."),
    "stats": ("Queues", "Count jobs by queue and state."),
    "orphans": ("Queues", "List or confirm jobs whose TaskJobs are gone."),
    "token": ("Other", "Create, list or revoke access tokens."),
    "completion": ("Other", "Print the completion script of a shell."),
    "version": ("Other", "Print the version, and what the server says of itself."),
}


class LazyGroup(click.Group):
    """Knows its commands by name; imports one when it is run or asked for its own help."""

    table: ClassVar[dict[str, tuple[str, str]]] = COMMANDS

    def module_of(self, name: str) -> str:
        return f"taskjob.cli.commands.{name}"

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - Click's signature
        if cmd_name not in self.table:
            return None
        command: click.Command = import_module(self.module_of(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - only where a name was mistyped

            near = get_close_matches(name, self.table, n=1)
            advice = f"Did you mean {near[0]!r}?" if near else f"'{ctx.command_path} --help' lists the commands."
            ctx.fail(f"No such command {name!r}. {advice}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, (group, line) in self.table.items():
            groups.setdefault(group, []).append((name, line))
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)


EPILOG = (
    "Server, token and namespace: --server, --token-file, -n; else TASKJOB_SERVER, TASKJOB_TOKEN or "
    "TASKJOB_TOKEN_FILE, TASKJOB_NAMESPACE; else ~/.config/taskjob/config.toml (or TASKJOB_CONFIG).\n\n"
    "Exit codes: 0 ok, 1 job failed, 2 usage, 3 not found, 4 timeout, 5 not allowed, 6 conflict, "
    "7 cannot connect, 130 interrupted."
)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="taskjob", message="taskjob %(version)s")
def root() -> None:
    """Background jobs on workers that are already warm."""


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    sys.exit(invoke(arguments))


def invoke(
    arguments: Sequence[str] | None = None,
    *,
    command: click.Group | None = None,
    name: str = "taskjob",
    context: object = None,
) -> int:
    """Run one command line; its exit code. Data goes to stdout, everything else to stderr. `command` is another root,
    `context` the object that its commands find."""
    colour = False if "NO_COLOR" in os.environ else None
    try:
        words = None if arguments is None else list(arguments)
        code = (command or root).main(words, prog_name=name, standalone_mode=False, color=colour, obj=context)
    except (click.exceptions.Exit, click.ClickException, click.Abort, KeyboardInterrupt) as stop:
        return _stopped(stop)
    except TaskJobError as error:
        return report_error(error)
    except TimeoutError as error:
        report(str(error), "the time given by --timeout is over", "wait longer, or ask `taskjob explain JOB`")
        return ExitCode.TIMEOUT
    except BrokenPipeError:
        return _reader_gone()
    return code if isinstance(code, int) else ExitCode.OK


def report_error(error: TaskJobError) -> ExitCode:
    where = f" (at {error.field})" if error.field else ""
    why = error.title if error.title != error.detail else ""
    report(f"{error.detail}{where}", f"{why} [{error.code}]".strip(), error.hint or "")
    return exit_code_of(error)


def report(what: str, why: str, following: str) -> None:
    """Up to three lines on stderr: what went wrong, why, what to do next."""
    colour = False if "NO_COLOR" in os.environ else None
    click.echo(f"{click.style('error:', fg='red', bold=True)} {visible(what)}", err=True, color=colour)
    if why:
        note(f"why: {why}")
    if following:
        note(f"next: {following}")


def _stopped(stop: BaseException) -> int:
    """What Click raises, and Ctrl-C."""
    if isinstance(stop, click.exceptions.Exit):
        return stop.exit_code
    if isinstance(stop, click.ClickException):
        context = getattr(stop, "ctx", None)
        report(stop.format_message(), "", f"{context.command_path if context else 'taskjob'} --help")
        return ExitCode.USAGE
    click.echo("interrupted", err=True)
    return ExitCode.INTERRUPTED


def _reader_gone() -> int:
    """`taskjob get jobs | head` closed our stdout: end quietly, also while the interpreter flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitCode.OK
