"""`taskjob submit`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from taskjob.cli.connection import with_client
from taskjob.cli.durations import DURATION, MOMENT
from taskjob.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import SubmittedJob


@click.command(
    epilog="\b\ntaskjob submit demo value=123 --wait\ntaskjob submit media.resize --json @payload.json --queue images"
)
@click.argument("task")
@click.argument("fields", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "source", metavar="JSON|@FILE|-", help="The payload as JSON text, from a file, or from stdin.")
@click.option("--queue", metavar="QUEUE", help="Queue; else 'default'.")
@click.option("--priority", type=click.IntRange(-1000, 1000), help="Higher first.")
@click.option("--start-after", type=MOMENT, metavar="TIME", help="Not before: 5m from now, or an RFC 3339 time.")
@click.option("--key", "idempotency_key", metavar="KEY", help="Idempotency key: the same key is the same job.")
@click.option("--concurrency-key", metavar="KEY", help="Jobs with the same key share the queue's limit.")
@click.option("--max-attempts", type=click.IntRange(1, 100), help="Attempts before the job is a dead letter.")
@click.option("--attempt-timeout", type=DURATION, metavar="DURATION", help="Longest time of one attempt.")
@click.option("-l", "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Label; repeatable.")
@click.option("--name", metavar="NAME", help="A name for people.")
@click.option("--wait", is_flag=True, help="Wait for the end; print the result.")
@click.option("--logs", is_flag=True, help="Print the log while waiting; implies --wait.")
@click.option("--timeout", type=DURATION, metavar="DURATION", help="Longest wait.")
@with_client
def command(
    *,
    client: Client,
    task: str,
    fields: tuple[str, ...],
    source: str | None,
    start_after: datetime | None,
    max_attempts: int | None,
    attempt_timeout: float | None,
    labels: tuple[str, ...],
    wait: bool,
    logs: bool,
    timeout: float | None,
    **options: Any,
) -> int:
    """Submit one job of TASK.

    KEY=VALUE pairs make up the payload. A value that is JSON is taken as JSON (3, true, [1,2]), anything else as
    text; KEY:=TEXT takes it as text in any case.

    TASK is a name and no code is read here: what @task says (queue, timeout_seconds, retry) holds for jobs submitted
    through the task object. Say it by options, or in the queue's jobDefaults.
    """
    from taskjob.cli.filters import pairs  # noqa: PLC0415
    from taskjob.cli.payloads import payload_of  # noqa: PLC0415
    from taskjob.cli.workers_known import warn_unless_known  # noqa: PLC0415

    options |= {
        "labels": pairs(labels) or None,
        "start_after": start_after,
        "retry": {"max_attempts": max_attempts} if max_attempts else None,
        "timeout_seconds": max(1, round(attempt_timeout)) if attempt_timeout is not None else None,
    }
    job = client.submit(task, payload_of(fields, source), **options)
    warn_unless_known(client, {(job.queue, job.task)})
    if not (wait or logs):
        click.echo(job.id)
        return ExitCode.OK
    click.echo(f"job {job.id} submitted", err=True)
    return _wait(client, job, logs=logs, timeout=timeout)


def _wait(client: Client, job: SubmittedJob, *, logs: bool, timeout: float | None) -> int:
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.follow import follow_log  # noqa: PLC0415
    from taskjob.cli.output import print_json  # noqa: PLC0415
    from taskjob.cli.progress import tell_endings, wait_all  # noqa: PLC0415
    from taskjob.model import Phase  # noqa: PLC0415

    if logs:
        follow_log(client, job.id, timeout_seconds=timeout)
    (ended,) = wait_all(client, [job.id], timeout_seconds=timeout)
    if ended.phase is not Phase.COMPLETED:
        return tell_endings([ended])
    click.echo(f"completed in {words.duration(ended)} on attempt {words.attempt(ended)}", err=True)
    result = client.result(ended.id)
    if result is not None:
        print_json(result)
    return ExitCode.OK
