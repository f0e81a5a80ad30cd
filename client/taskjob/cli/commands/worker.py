"""`taskjob worker`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import Any

import click

from taskjob.cli.components import component
from taskjob.cli.durations import DURATION


def _listed(_context: click.Context, _parameter: click.Parameter, values: Iterable[str]) -> tuple[str, ...]:
    """A variable has no repetition: commas part what stands in one value."""
    return tuple(part for value in values for part in value.split(",") if part)


@click.command()
@click.argument("modules", nargs=-1, metavar="MODULE|FILE...", envvar="TASKJOB_WORKER_MODULES", callback=_listed)
@click.option(
    "--gateway",
    metavar="URL",
    envvar="TASKJOB_GATEWAY",
    default="tcp://127.0.0.1:8081",
    show_default=True,
    help="tcp, tls, http or https; else TASKJOB_GATEWAY.",
)
@click.option(
    "--queue",
    "queues",
    envvar="TASKJOB_WORKER_QUEUES",
    multiple=True,
    default=("default",),
    show_default=True,
    callback=_listed,
    help="Repeatable, or a,b.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    envvar="TASKJOB_WORKER_CONCURRENCY",
    default=10,
    show_default=True,
    help="Jobs run at once.",
)
@click.option("--name", envvar="TASKJOB_WORKER_NAME", default="", help="How people see it; else host and process id.")
@click.option("-n", "--namespace", envvar="TASKJOB_NAMESPACE", help="Namespace; else that of the token.")
@click.option("--token-file", metavar="FILE", envvar="TASKJOB_TOKEN_FILE", help="Read at each connection.")
@click.option("--ca-file", metavar="FILE", envvar="TASKJOB_CA_FILE", help="Trust this authority for tls and https.")
@click.option(
    "--commands",
    "commands_file",
    metavar="FILE",
    envvar="TASKJOB_WORKER_COMMANDS",
    help="TOML file of tasks that are programs.",
)
@click.option(
    "--drain-seconds",
    type=DURATION,
    envvar="TASKJOB_WORKER_DRAIN_SECONDS",
    default=30.0,
    show_default=True,
    help="Time to finish on SIGTERM.",
)
@click.option(
    "--grace-seconds",
    type=DURATION,
    envvar="TASKJOB_WORKER_GRACE_SECONDS",
    default=5.0,
    show_default=True,
    help="Between asking a task to stop and killing its process.",
)
@click.option(
    "--metrics-host",
    metavar="ADDRESS",
    envvar="TASKJOB_WORKER_METRICS_HOST",
    default="127.0.0.1",
    show_default=True,
    help="Address of /metrics and /healthz; 0.0.0.0 in a pod.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    envvar="TASKJOB_WORKER_METRICS_PORT",
    show_default="9091",
    help="Port of both; 0: off.",
)
def command(*, modules: tuple[str, ...], commands_file: str | None, **options: Any) -> None:
    """Run a worker for the tasks of MODULE or FILE.

    SIGTERM (or Ctrl-C) drains it: running jobs may finish, the rest is handed back. A second one hurries.
    """
    # Kept until the worker listens to it: as the first process of a container it would otherwise be lost, and the
    # pod's end would wait for the kill.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    worker = component("taskjob_worker", extra="worker")
    settings = component("taskjob_worker.settings", extra="worker")
    worker.launch(
        settings.WorkerSettings(
            modules=modules,
            commands=settings.read_commands(commands_file) if commands_file else {},
            token=os.environ.get("TASKJOB_TOKEN"),
            log_level=os.environ.get("TASKJOB_LOG_LEVEL", "INFO").upper(),
            **options,
        )
    )
