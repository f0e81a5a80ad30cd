"""`taskjob dev`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("target", metavar="[MODULE|FILE]", required=False)
@click.option("--port", type=click.IntRange(0, 65_534), default=8080, show_default=True, help="REST; 0: a free one.")
@click.option("--gateway-port", type=click.IntRange(0, 65_535), help="Gateway for workers; by default the next port.")
@click.option("--data", type=click.Path(path_type=Path), default=".taskjob", show_default=True, help="Data folder.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=10, show_default=True, help="Jobs run at once.")
@click.option("--reset", is_flag=True, help="Delete all jobs, results and logs first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before --reset.")
def command(
    *, target: str | None, port: int, gateway_port: int | None, data: Path, concurrency: int, reset: bool, yes: bool
) -> int:
    """Run api, worker and store on this machine, with the tasks of MODULE or FILE.

    Without either: ./tasks.py, else a built-in task named 'demo'. The worker is reloaded when the code changes,
    without interrupting jobs. Open without a token, to this machine only. Ctrl-C stops everything.
    """
    from taskjob.cli.dev.machine import check_machine  # noqa: PLC0415

    check_machine()
    from taskjob.cli.dev.session import run_dev  # noqa: PLC0415 - needs what was just checked

    return run_dev(
        target=target,
        port=port,
        gateway_port=gateway_port,
        data=data,
        reset=reset,
        yes=yes,
        concurrency=concurrency,
    )
