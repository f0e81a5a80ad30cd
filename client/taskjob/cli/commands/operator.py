"""`taskjob operator`."""

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
@click.option("--api-url", metavar="URL", help="Address of the api; else TASKJOB_API_URL.")
@click.option("--api-token-file", metavar="FILE", help="Token for the api; else TASKJOB_API_TOKEN_FILE.")
@click.option("--kubeconfig", metavar="FILE", help="For an operator outside of its cluster; else TASKJOB_KUBECONFIG.")
@click.option("--namespace", "operator_namespace", help="Where its Lease lives; else TASKJOB_OPERATOR_NAMESPACE.")
@click.option("--port", "operator_port", type=click.IntRange(0, 65_535), help="Port of health and metrics; else 8085.")
def command(**options: Any) -> int:
    """Run the operator: TaskJobs of a cluster kept in step with the api.

    Any number may run; one of them leads.
    """
    with sigterm_held_back():
        settings = component("taskjob_operator.settings", extra="operator").read_settings(os.environ, **options)
        app = component("taskjob_operator.app", extra="operator")
        _log_to_stderr()
        code: int = app.run(settings, lambda address: click.echo(f"health {address}", err=True))
    return code


def _log_to_stderr() -> None:
    import logging  # noqa: PLC0415

    level = os.environ.get("TASKJOB_LOG_LEVEL", "INFO").upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if level != "DEBUG":  # a watch that ends is told by its supervisor, in one line
        logging.getLogger("kopf").setLevel(logging.CRITICAL)
