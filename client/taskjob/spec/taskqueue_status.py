"""The status of a TaskQueue: its numbers, its workers, and what keeps its jobs from running."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from taskjob.spec.condition import Conditions, Generation, Line, Word
from taskjob.spec.strict import INT32_MAX, RareModel, Time

Number = Annotated[int, Field(ge=0, le=INT32_MAX)]


class LastScale(RareModel):
    """The last change of the number of workers."""

    at: Time | None = None
    """When."""

    from_replicas: Annotated[Number | None, Field(alias="from")] = None
    """Workers before."""

    to_replicas: Annotated[Number | None, Field(alias="to")] = None
    """Workers after."""

    reason: Word | None = None
    """Why, in one word for programs."""

    message: Line | None = None
    """The decision with its numbers, in a sentence for people."""


class TaskQueueStatus(RareModel):
    """What the queue and its workers are now. Written by the operator only; never edited by hand."""

    state: Annotated[str, Field(max_length=24, pattern=r"^[A-Z][A-Za-z]*$")]
    """For people, in one word: what the conditions add up to."""

    conditions: Conditions | None = None
    """Ready, Paused and what is wrong with the workers; Reconciling and Stalled as kstatus reads them."""

    observed_generation: Generation | None = None
    """The metadata.generation that this status answers."""

    replicas: Number | None = None
    """Worker pods that exist; `/scale` reads it."""

    desired_replicas: Number | None = None
    """Worker pods that there should be."""

    ready_replicas: Number | None = None
    """Worker pods that are ready."""

    workers: Annotated[str, Field(max_length=24)] | None = None
    """For people: ready of desired workers, for example 6/7."""

    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of the worker pods; `/scale` reads it."""

    paused_by: Annotated[list[Literal["spec", "api"]], Field(max_length=2)] | None = None
    """Who pauses the queue: the declared half (spec), a person (api), or both."""

    depth: Number | None = None
    """Jobs that could start now and wait for a worker."""

    running: Number | None = None
    """Jobs that run now."""

    delayed: Number | None = None
    """Jobs that wait for a time or a back-off."""

    failed: Number | None = None
    """Dead letters that are still kept."""

    unservable: Number | None = None
    """Jobs whose task no connected worker of the queue knows."""

    oldest_age_seconds: Number | None = None
    """How long the oldest job that could start has waited."""

    oldest: Annotated[str, Field(max_length=16)] | None = None
    """The same for people, for example 9s."""

    stats_at: Time | None = None
    """When the numbers were taken; they are written at most every 10 seconds."""

    last_scale: LastScale | None = None
    """The last change of the number of workers."""
