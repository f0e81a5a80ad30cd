"""What `taskjob apply` does with documents that are already read: decides, sends, and tells what became of each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from taskjob.cli.manifest import MUTABLE, differences, job_body, queue_body
from taskjob.client import Client, requests
from taskjob.client.views import BatchVerdict, JobView
from taskjob.errors import ConflictError, IdempotencyConflictError, InvalidError, TaskJobError


@dataclass(frozen=True)
class Source:
    """One document as it was written: its raw value, and where it stands (`jobs.yaml, line 12`)."""

    where: str
    raw: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.raw["kind"])

    @property
    def metadata(self) -> dict[str, Any]:
        return dict(self.raw["metadata"])

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.raw.get("spec") or {})


@dataclass
class Applied:
    """`outcome` is created, configured or unchanged; or there is an `error`."""

    source: Source
    shown: str
    outcome: str = ""
    job: str | None = None
    error: TaskJobError | None = None
    served: tuple[str, str] | None = field(default=None)


def apply_all(client: Client, sources: Sequence[Source]) -> Iterator[Applied]:
    """Queues first, so that jobs find their limits; then jobs, a thousand in one request, each with its verdict."""
    for source in sources:
        if source.kind == "TaskQueue":
            yield _apply_queue(client, source)
    jobs = [source for source in sources if source.kind == "TaskJob"]
    bodies = [_body(client, source) for source in jobs]
    for source, body, verdict in zip(jobs, bodies, client.submit_many(bodies), strict=True):
        yield _apply_job(client, source, body, verdict)


def _body(client: Client, source: Source) -> dict[str, Any]:
    metadata = source.metadata
    stated = metadata.get("namespace")
    if stated is not None and stated != client.target.namespace:
        raise InvalidError(
            f"{source.where}: the document says namespace {stated!r}, the command {client.target.namespace!r}",
            field="/metadata/namespace",
            hint=f"taskjob apply -n {stated}",
        )
    name = metadata.get("name")
    generated = name is None
    return job_body(
        metadata,
        source.spec,
        name=name or f"{metadata['generateName']}{secrets.token_hex(3)}",
        generated=generated,
    )


def _apply_queue(client: Client, source: Source) -> Applied:
    name = source.metadata["name"]
    applied = Applied(source, f"taskqueue/{name}")
    before = next((queue for queue in client.queues() if queue.name == name), None)
    after = client.put_queue(name, queue_body(source.spec))
    if before is None:
        applied.outcome = "created"
    else:
        same = all(before.document.get(key) == after.document.get(key) for key in ("limits", "jobDefaults", "paused"))
        applied.outcome = "unchanged" if same else "configured"
    return applied


def _apply_job(client: Client, source: Source, body: dict[str, Any], verdict: BatchVerdict) -> Applied:
    applied = Applied(source, f"taskjob/{body['name']}", job=verdict.id)
    applied.served = (body.get("queue", "default"), body["task"])
    try:
        if verdict.outcome == "created":
            applied.outcome = "created"
            _cancel_if_asked(client, source, verdict)
        elif verdict.outcome in {"existing", "conflict"} and verdict.id is not None:
            applied.outcome = _reconcile(client, source, body, client.get(verdict.id))
        else:
            applied.error = verdict.error()
    except TaskJobError as error:
        applied.error = error
    return applied


def _cancel_if_asked(client: Client, source: Source, verdict: BatchVerdict) -> None:
    if source.spec.get("cancel") and verdict.id is not None:
        client.cancel(verdict.id)


def _reconcile(client: Client, source: Source, body: dict[str, Any], job: JobView) -> str:
    """Bring the mutable half of an existing job to what the document says.

    Raises `IdempotencyConflictError` where the document wants another job than the one of its name or key.
    """
    differing = differences(body, job)
    if fixed := [name for name in differing if name not in MUTABLE]:
        raise IdempotencyConflictError(
            f"the job {job.shown} exists with {_another(fixed)}, which cannot be changed",
            hint="give the document another metadata.name (or idempotencyKey) to make it a new job",
        )
    changed = False
    if differing:
        client.call(requests.amend(job.id, {name: body[name] for name in differing}))
        changed = True
    if source.spec.get("cancel") and not job.finished:
        client.cancel(job.id)
        changed = True
    wanted = source.spec.get("rerun") or 0
    if wanted > job.run:
        if not job.finished:
            raise ConflictError(
                f"the job {job.shown} is {job.phase}: only a finished job runs again", hint=f"taskjob wait {job.shown}"
            )
        client.rerun(job.id, request_id=f"rerun/{wanted}")
        changed = True
    return "configured" if changed else "unchanged"


def _another(names: Sequence[str]) -> str:
    return ", ".join("other labels" if name == "labels" else f"another {name}" for name in names)
