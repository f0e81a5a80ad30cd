"""One delivery of one task, inline, with everything it said."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import msgspec

from taskjob.context import Context, Facts
from taskjob.decorator import Task
from taskjob.ending import Ending, raised, returned
from taskjob.model.identity import new_job_id
from taskjob.model.job import AttemptOutcome, ErrorInfo


@dataclasses.dataclass(kw_only=True)
class TaskRun:
    """How a delivery ended and what the task said. `checkpoint` is the one the next delivery would get."""

    outcome: AttemptOutcome
    result: Any = None
    error: ErrorInfo | None = None
    delay_seconds: float | None = None
    retryable: bool = True
    log: str = ""
    progress: str | None = None
    checkpoint: Any = None
    submitted: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """The job documents that the task submitted, in order."""


class Recorder:
    """A context's port that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.text: str | None = None
        self.saved: bytes | None = None
        self.documents: list[dict[str, Any]] = []

    def log(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, text: str) -> None:
        self.text = text

    def checkpoint(self, raw: bytes) -> None:
        self.saved = raw

    def submit(self, document: dict[str, Any]) -> str:
        self.documents.append(document)
        return new_job_id()

    async def asubmit(self, document: dict[str, Any]) -> str:
        return self.submit(document)


def run_task(task: Task[..., Any], payload: Any = None, /, **facts: Any) -> TaskRun:
    """Run `task` once and tell how it ended; whatever it raises becomes an outcome, as on a worker.

    `payload` is an instance of the payload type, a mapping, or nothing; a wrong one ends as `failed` with error type
    `InvalidPayload`. `facts` say what the context shows: attempt, delivery, run, labels, job_id, checkpoint (a JSON
    value). An async task runs in an event loop of its own; inside one already use `arun_task`.
    """
    if task.is_async:
        return asyncio.run(arun_task(task, payload, **facts))
    recorder, arguments, refused = _prepare(task, payload, facts)
    if refused is None:
        try:
            refused = returned(task.function(**arguments))
        except BaseException as error:  # noqa: BLE001 - as a worker does
            refused = raised(error)
    return _told(recorder, refused)


async def arun_task(task: Task[..., Any], payload: Any = None, /, **facts: Any) -> TaskRun:
    """As `run_task`, for use inside an event loop."""
    if not task.is_async:
        return run_task(task, payload, **facts)
    recorder, arguments, refused = _prepare(task, payload, facts)
    if refused is None:
        try:
            refused = returned(await task.function(**arguments))
        except Exception as error:  # noqa: BLE001 - as a worker does; a cancellation is the caller's
            refused = raised(error)
    return _told(recorder, refused)


def _prepare(
    task: Task[..., Any], payload: Any, facts: dict[str, Any]
) -> tuple[Recorder, dict[str, Any], Ending | None]:
    recorder = Recorder()
    checkpoint = facts.pop("checkpoint", None)
    raw = None if checkpoint is None else msgspec.json.encode(checkpoint)
    recorder.saved = raw
    known = Facts(**{"job_id": new_job_id(), "task": task.name, "checkpoint": raw} | facts)
    try:
        arguments = task.binding.arguments(msgspec.json.encode(task.binding.check(payload)))
    except Exception as error:  # noqa: BLE001 - as a worker does
        return recorder, {}, raised(error)
    if task.binding.context is not None:
        arguments[task.binding.context] = Context(known, recorder)
    return recorder, arguments, None


def _told(recorder: Recorder, ending: Ending) -> TaskRun:
    return TaskRun(
        outcome=ending.outcome,
        result=None if ending.result is None else msgspec.json.decode(ending.result),
        error=ending.error,
        delay_seconds=ending.delay_seconds,
        retryable=ending.retryable,
        log="".join(recorder.lines),
        progress=recorder.text,
        checkpoint=None if recorder.saved is None else msgspec.json.decode(recorder.saved),
        submitted=recorder.documents,
    )
