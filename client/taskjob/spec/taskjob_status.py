"""The status of a TaskJob: what the operator writes and people read. At most 8 KiB, whatever the job does."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taskjob.spec.condition import Conditions, Generation, Line, Word
from taskjob.spec.strict import INT32_MAX, RareModel, Time

StatusPhase = Literal[
    "Submitted",
    "Queued",
    "Assigned",
    "Running",
    "RetryQueued",
    "Completed",
    "DeadLetter",
    "Cancelled",
    "Rejected",
]
TERMINAL_PHASES = ("Completed", "DeadLetter", "Cancelled", "Rejected")
"""Left only by a rerun."""

MAX_STATUS_RESULT_BYTES = 1024

Counter = Annotated[int, Field(ge=0, le=INT32_MAX)]
Identifier = Annotated[str, Field(max_length=64)]


class ArtifactStatus(RareModel):
    """One artifact of the last completed attempt."""

    name: Annotated[str, Field(max_length=128)]
    """Its name within the job."""

    size_bytes: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] | None = None
    """Its size."""


class DependencyStatus(RareModel):
    """What became of one entry of spec.dependsOn."""

    name: Annotated[str, Field(max_length=52)]
    """The TaskJob waited for."""

    uid: Annotated[str, Field(max_length=36)] | None = None
    """Its UID when it was first seen."""

    outcome: Word | None = None
    """Its final phase, once it has one."""


class ArrayStatus(RareModel):
    """Counters of an array, written at most every 10 seconds."""

    summary: Annotated[str, Field(max_length=32)] | None = None
    """For people, for example 341/1000."""

    completed: Counter | None = None
    """Indexes that completed."""

    running: Counter | None = None
    """Indexes that run now."""

    failed: Counter | None = None
    """Indexes that are dead letters."""

    completed_indexes: Annotated[str, Field(max_length=2048)] | None = None
    """Ranges, for example 0-16,18-302."""

    failed_indexes: Annotated[str, Field(max_length=2048)] | None = None
    """Ranges, for example 17,303."""

    truncated: bool | None = None
    """The ranges did not fit; REST has them all."""


class TaskJobStatus(RareModel):
    """What the job is now. Written by the operator only; never edited by hand."""

    phase: StatusPhase
    """Where the job is. Completed, DeadLetter, Cancelled and Rejected are final unless the job is run again."""

    reason: Word | None = None
    """Why it is there, in one word for programs."""

    message: Line | None = None
    """Why it is not running, or how it ended, in a sentence for people."""

    conditions: Conditions | None = None
    """Accepted, Suspended, Completed, Failed, Finished; Reconciling and Stalled as kstatus reads them."""

    observed_generation: Generation | None = None
    """The metadata.generation that this status answers."""

    incarnation: Identifier | None = None
    """The life of the store that the run and the revision count in; another one after a restored backup."""

    run: Counter | None = None
    """0 at first; each rerun starts the next."""

    revision: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] | None = None
    """Grows with every change of the job within its run; an older status never replaces a newer one."""

    job_id: Annotated[Identifier | None, Field(alias="jobID")] = None
    """The job's id in REST, logs and metrics."""

    attempt: Annotated[str, Field(max_length=16)] | None = None
    """For people: attempts of how many, for example 1/5."""

    attempts: Counter | None = None
    """Attempts of this run that failed, timed out or completed."""

    lost: Counter | None = None
    """Attempts of this run whose worker died."""

    interruptions: Counter | None = None
    """Attempts of this run that a drain or rollout handed back; they cost nothing."""

    worker: Annotated[str, Field(max_length=253)] | None = None
    """The worker that has the job, or had it last."""

    accepted_at: Time | None = None
    """When the job was durably stored."""

    due_at: Time | None = None
    """When a delayed job, or the next attempt, may start."""

    queued_at: Time | None = None
    """When it became ready to start."""

    started_at: Time | None = None
    """When the last attempt started."""

    finished_at: Time | None = None
    """When the run ended."""

    duration: Annotated[str, Field(max_length=16)] | None = None
    """For people: how long the last attempt ran, for example 2m13s."""

    progress: Annotated[str, Field(max_length=256)] | None = None
    """What the task last said of its progress, written at most every 10 seconds."""

    result: Annotated[str, Field(max_length=MAX_STATUS_RESULT_BYTES)] | None = None
    """What the task returned, as JSON text, where that is short."""

    result_ref: Annotated[str, Field(max_length=512)] | None = None
    """Where a longer result is kept."""

    artifacts: Annotated[list[ArtifactStatus], Field(max_length=16)] | None = None
    """The first artifacts; REST lists them all."""

    last_error: Annotated[str, Field(max_length=1024)] | None = None
    """What the last failed attempt said, in one line."""

    dependencies: Annotated[list[DependencyStatus], Field(max_length=32)] | None = None
    """The jobs of spec.dependsOn as they were last seen."""

    array: ArrayStatus | None = None
    """Counters of spec.array."""
