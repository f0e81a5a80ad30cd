"""`kubectl taskjob token`."""

from __future__ import annotations

import click

from taskjob.cli.plugin.options import cluster_options
from taskjob.cli.plugin.reach import TOKEN_DURATION, ClusterReach


@click.command(epilog="\b\nTASKJOB_TOKEN=$(kubectl taskjob token --service-account ci -n media) taskjob get jobs")
@click.option("--service-account", metavar="NAME", help="Whose; else TASKJOB_SERVICE_ACCOUNT, else 'default'.")
@click.option("--duration", default=TOKEN_DURATION, show_default=True, metavar="DURATION", help="As kubectl takes it.")
@cluster_options
def command(*, reach: ClusterReach, namespace: str, service_account: str | None, duration: str) -> None:
    """Print a token for the api, of a ServiceAccount whose tokens you may create.

    It does what that ServiceAccount may do to taskjobs and taskqueues, and nothing at the API server.
    """
    click.echo(reach.token(namespace, service_account, duration))
