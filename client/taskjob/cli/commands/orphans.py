"""`taskjob orphans`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskjob.cli.connection import with_client
from taskjob.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import OrphanReport


@click.group()
def command() -> None:
    """List or confirm orphans: live jobs whose TaskJobs are gone.

    The operator cancels a few by itself. Where there are many at once it stops and waits for `confirm`: a deleted
    namespace looks like that, and so does a backup that was restored in part.
    """


@command.command("list")
@with_client
def list_(*, client: Client) -> None:
    """List what the operators hold back."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.output import print_table  # noqa: PLC0415

    reports = client.orphans()
    if not reports:
        click.echo("no orphans", err=True)
        return
    now = datetime.now(UTC)
    rows = [
        [report.cluster_id, orphan.namespace, orphan.owner, orphan.job, words.ago(orphan.created_at, now)]
        for report in reports
        for orphan in report.items
    ]
    print_table(["CLUSTER", "NAMESPACE", "TASKJOB", "JOB", "AGE"], rows)
    for report in reports:
        state = "confirmed" if report.confirmed else "waiting for: taskjob orphans confirm"
        click.echo(f"cluster {report.cluster_id}: {_count(report)}, {state}", err=True)


@command.command()
@click.option("--cluster", metavar="ID", help="Of this cluster; needed where several have reported.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_client
def confirm(*, client: Client, cluster: str | None, yes: bool) -> int:
    """Let the operator cancel the jobs that `list` shows."""
    reports = [report for report in client.orphans() if cluster in {None, report.cluster_id}]
    if not reports:
        click.echo("no orphans", err=True)
        return ExitCode.OK
    if len(reports) > 1:
        known = ", ".join(report.cluster_id for report in reports)
        raise click.UsageError(f"say of which cluster with --cluster: {known}")
    [report] = reports
    if not yes:
        where = ", ".join(report.namespaces)
        click.confirm(f"cancel {_count(report)} of cluster {report.cluster_id} in {where}?", abort=True, err=True)
    client.confirm_orphans(report.cluster_id, report.total)
    click.echo(f"{_count(report)} confirmed")
    return ExitCode.OK


def _count(report: OrphanReport) -> str:
    return f"{report.total} orphan" + "s" * (report.total != 1)
