"""`taskjob describe`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from taskjob.cli.connection import with_client
from taskjob.cli.kinds import KIND
from taskjob.model.spans import span

if TYPE_CHECKING:
    from taskjob.client import Client
    from taskjob.client.views import ArtifactView, AttemptView, JobView


@click.command(epilog="\b\ntaskjob describe job resize-cats\ntaskjob describe queue images")
@click.argument("kind", type=KIND)
@click.argument("name")
@with_client
def command(*, client: Client, kind: str, name: str) -> None:
    """Show everything about a job, queue or worker."""
    {"jobs": _job, "queues": _queue, "workers": _worker}[kind](client, name)


def _job(client: Client, name: str) -> None:
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.names import find_job  # noqa: PLC0415
    from taskjob.cli.output import print_fields, tell  # noqa: PLC0415

    job = find_job(client, name)
    told = job.document
    print_fields(
        [
            ("Name", job.name or ""),
            ("ID", job.id),
            ("Namespace", job.namespace),
            ("Queue", job.queue),
            ("Task", job.task),
            ("Belongs to", _owner(told.get("owner"))),
            ("Labels", ", ".join(f"{key}={value}" for key, value in sorted(job.labels.items()))),
            ("Status", words.status(job)),
            ("Message", job.message),
            ("Attempt", words.attempt(job)),
            ("Lost", str(job.lost or "")),
            ("Interruptions", str(job.interruptions or "")),
            ("Run", str(job.run or "")),
            ("Priority", str(job.priority or "")),
            ("Worker", job.worker or ""),
            ("Progress", job.progress or ""),
            ("Concurrency", job.concurrency_key or ""),
            ("Timeout", span(told.get("timeoutSeconds", 0))),
            ("Created", words.moment(job.created_at)),
            ("Starts after", words.moment(job.start_after)),
            ("Next attempt", words.moment(job.due_at)),
            ("Started", words.moment(job.started_at)),
            ("Finished", words.moment(job.finished_at)),
            ("Duration", words.duration(job)),
            ("Payload", _compact(job.payload)),
            ("Result", _compact(job.result) if job.result_ref is None else f"large: taskjob result {job.shown}"),
        ]
    )
    _attempts(client.attempts(job.id))
    if job.last_error is not None:
        click.echo("Last error:")
        print_fields([("Type", job.last_error.type), ("Message", job.last_error.message)], indent=2)
        if job.last_error.traceback:
            tell("".join(f"    {line}\n" for line in job.last_error.traceback.rstrip().splitlines()), nl=False)
    _artifacts(client.artifacts(job.id), job)
    if not job.finished:
        _why(client, job)


def _owner(owner: dict[str, str] | None) -> str:
    return "" if owner is None else f"taskjob/{owner['name']} of cluster {owner['clusterId']}"


def _attempts(attempts: list[AttemptView]) -> None:
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.output import print_table  # noqa: PLC0415

    if not attempts:
        return
    click.echo("Attempts:")
    rows = []
    for one in attempts:
        took = words.ago(one.started_at, one.finished_at) if one.started_at else ""
        error = words.one_line(f"{one.error.type}: {one.error.message}") if one.error else ""
        began = words.moment(one.started_at or one.leased_at)
        rows.append([f"  {one.run}", str(one.number), one.worker, began, took, one.outcome or "running", error])
    print_table(["  RUN", "DELIVERY", "WORKER", "STARTED", "TOOK", "OUTCOME", "ERROR"], rows)


def _artifacts(artifacts: list[ArtifactView], job: JobView) -> None:
    from taskjob.cli.output import print_table, to_type  # noqa: PLC0415

    if not artifacts:
        return
    click.echo("Artifacts:")
    rows = []
    for one in artifacts:
        reads = f"taskjob logs {job.shown} --run {one.run} --delivery {one.delivery}"
        reads = reads if one.kind == "log" else f"taskjob result {job.shown}"
        rows.append([f"  {one.name}", str(one.run), str(one.delivery), str(one.size_bytes), to_type(reads)])
    print_table(["  NAME", "RUN", "DELIVERY", "BYTES", "READ WITH"], rows)


def _why(client: Client, job: JobView) -> None:
    from taskjob.cli.output import print_fields, to_type  # noqa: PLC0415

    answer = client.explain(job.id)
    steps = "\n".join(to_type(step) for step in answer.get("nextSteps", ()))
    print_fields([("Why", str(answer.get("sentence", ""))), ("Next", steps)])


def _queue(client: Client, name: str) -> None:
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.output import print_fields  # noqa: PLC0415

    queue = client.queue(name.removeprefix("taskqueue/"))
    counts: dict[str, Any] = next((one for one in client.stats()["queues"] if one["queue"] == queue.name), {})
    workers = [one.name for one in client.workers() if queue.name in one.queues and not one.closed]
    oldest = counts.get("oldestReadyAt")
    paused = filter(None, (queue.paused_by, queue.paused_reason, words.moment(queue.paused_until)))
    print_fields(
        [
            ("Name", queue.name),
            ("Namespace", queue.namespace),
            ("State", queue.state),
            ("Paused by", ", ".join(paused) or ("its document" if queue.paused else "")),
            ("Declared by", "" if queue.managed_by is None else f"its TaskQueue in cluster {queue.managed_by}"),
            ("Created", words.moment(queue.created_at)),
            ("Limits", "\n".join(f"{key}: {value}" for key, value in queue.limits.items()) or "none"),
            ("Job defaults", "\n".join(f"{key}: {_compact(value)}" for key, value in queue.job_defaults.items())),
            ("Jobs", "\n".join(f"{key}: {counts[key]}" for key in _SHOWN_COUNTS if key in counts)),
            ("Oldest ready", words.ago(datetime.fromisoformat(oldest), datetime.now(UTC)) if oldest else ""),
            ("Workers", ", ".join(sorted(workers)) or "none connected"),
        ]
    )


_SHOWN_COUNTS = ("waiting", "ready", "leased", "completed", "deadLetter", "cancelled")


def _worker(client: Client, name: str) -> None:
    from taskjob.cli import words  # noqa: PLC0415
    from taskjob.cli.names import find_worker  # noqa: PLC0415
    from taskjob.cli.output import print_fields  # noqa: PLC0415

    worker = find_worker(client, name)
    print_fields(
        [
            ("Name", worker.name),
            ("Session", worker.session),
            ("State", worker.state),
            ("Busy", f"{worker.held} of {worker.slots} slots"),
            ("Carrier", worker.carrier),
            ("Queues", ", ".join(worker.queues)),
            ("Tasks", ", ".join(sorted(worker.tasks))),
            ("Connected", words.moment(worker.connected_at)),
            ("Heard of", f"{words.ago(worker.renewed_at)} ago"),
        ]
    )


def _compact(value: Any) -> str:
    import json  # noqa: PLC0415

    return "" if value is None else json.dumps(value, ensure_ascii=False)
