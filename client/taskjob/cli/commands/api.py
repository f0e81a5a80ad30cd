"""`taskjob api`."""

from __future__ import annotations

import os
from typing import Any

import click

from taskjob.cli.components import component
from taskjob.cli.held_back import sigterm_held_back


@click.command(
    epilog="Everything else is told by TASKJOB_ variables (see docs/reference/settings.md); an option wins over its "
    "variable."
)
@click.option("--host", metavar="ADDRESS", help="Address of REST; else TASKJOB_HOST, else 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of REST; else TASKJOB_PORT, else 8080.")
@click.option("--gateway-port", type=click.IntRange(0, 65_535), help="Port for workers; else 8081.")
@click.option("--store", metavar="URL", help="sqlite:///path or memory://; else TASKJOB_STORE.")
@click.option("--artifacts", metavar="FOLDER", help="Folder of results and logs; else TASKJOB_ARTIFACTS.")
@click.option("--tokens-file", metavar="FILE", help="As made by `taskjob token create`; else TASKJOB_TOKENS_FILE.")
@click.option("--open", "open_door", is_flag=True, help="Let everybody on this machine in; loopback only.")
def command(*, open_door: bool, **options: Any) -> None:
    """Run the api: REST, worker gateway, engine and store, in one process.

    It asks for tokens: make one with `taskjob token create`, or use --open on a machine of your own.
    """
    with sigterm_held_back():
        settings_module = component("taskjob_api.settings", extra="api")
        server = component("taskjob_api.server", extra="api")
        settings, unknown = settings_module.read_settings(os.environ, **options, auth="open" if open_door else None)
        _log_to_stderr()
        for name in unknown:
            click.echo(f"warning: nobody reads {name}: is it misspelt?", err=True)
        server.run(settings, on_ready=_announce)


def _announce(addresses: Any) -> None:
    click.echo(f"REST {addresses.rest}, gateway {addresses.gateway}", err=True)


def _log_to_stderr() -> None:
    import logging  # noqa: PLC0415

    level = os.environ.get("TASKJOB_LOG_LEVEL", "INFO").upper()
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    for library in ("uvicorn", "httpx2"):  # each would tell of every request
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))
