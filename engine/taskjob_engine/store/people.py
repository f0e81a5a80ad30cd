"""What people ask of jobs and queues: cancel, rerun, amend, purge, pause."""

from __future__ import annotations

from typing import Literal

from taskjob.model import JobDefaults, Micros, Owner, Phase, QueueLimits, QueueTrouble
from taskjob_engine.store.value import Value


class JobRef(Value, frozen=True, kw_only=True):
    namespace: str
    id: str


class Changed(Value, frozen=True, kw_only=True):
    """`changed`, `unchanged` (already so: a repeat), `not_found`, or `refused` with the reason and the phase."""

    outcome: Literal["changed", "unchanged", "not_found", "refused"]
    phase: Phase | None = None
    reason: str | None = None
    run: int | None = None


class Rerun(Value, frozen=True, kw_only=True):
    """`request_id` makes it repeatable: the same id on the same job starts one run, whenever it comes again
    within the job's life."""

    ref: JobRef
    request_id: str


class Amendment(Value, frozen=True, kw_only=True):
    """None leaves a field alone. `owner` passes the job on: a custom resource was made anew, or took it over."""

    ref: JobRef
    priority: int | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: int | None = None
    ttl_seconds_after_failed: int | None = None
    owner: Owner | None = None


class Disowning(Value, frozen=True, kw_only=True):
    """The object of `owner` is gone: the job passes to the `heir`, or without one is cancelled if it is live."""

    ref: JobRef
    owner: Owner
    heir: Owner | None = None


class QueueChange(Value, frozen=True, kw_only=True):
    """Create or change a queue. Fields None are left alone (limits and defaults are replaced whole).
    `pause` True/False sets or clears the operational pause by `actor`; `paused` the declared one.

    `managed_by` says for which cluster an operator declares the queue; whoever else changes the declared half of a
    managed queue is refused. `deleted`: True where its object is gone (it is not managed then), False declares it.
    `trouble` counts where `managed_by` is set, and then also where it is None: nothing is wrong."""

    namespace: str
    name: str
    limits: QueueLimits | None = None
    job_defaults: JobDefaults | None = None
    paused: bool | None = None
    pause: bool | None = None
    actor: str | None = None
    pause_reason: str | None = None
    pause_until: Micros | None = None
    managed_by: str | None = None
    deleted: bool | None = None
    trouble: QueueTrouble | None = None

    @property
    def declares(self) -> bool:
        """Whether it touches the declared half."""
        return any(value is not None for value in (self.limits, self.job_defaults, self.paused, self.deleted))
