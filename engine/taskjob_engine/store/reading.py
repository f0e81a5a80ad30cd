"""Filters, pages, facts and the dirty set: what the store tells."""

from __future__ import annotations

import msgspec

from taskjob.model import Job, Micros, Owner, Phase, Queue
from taskjob_engine.store.value import Value


class JobFilter(Value, frozen=True, kw_only=True):
    """All given conditions hold. `namespace` is mandatory. Times select on created_at, half-open [after, before)."""

    namespace: str
    queue: str | None = None
    task: str | None = None
    phases: tuple[Phase, ...] = ()
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    name: str | None = None
    ids: tuple[str, ...] = ()
    created_after: Micros | None = None
    created_before: Micros | None = None
    finished_before: Micros | None = None


class Page(Value, frozen=True, kw_only=True):
    """`cursor` continues exactly after the last job, newest first (by id); None at the end. The keyset is the
    immutable id, so a page is stable under changes: no job is shown twice, none that existed is left out."""

    jobs: tuple[Job, ...]
    cursor: str | None = None


class Explanation(Value, frozen=True, kw_only=True):
    """Facts about why a job is not running, as one snapshot (words are made by `policies.explain`).

    `ahead` counts ready jobs of the same queue with a lower rank (bounded at 10,000); `permit_holders` the jobs
    that hold the permits it waits for; `workers` the live sessions that serve its queue, `capable_workers` those
    that know its task; `free_slots` theirs, without those of draining ones; `recent_rate_per_second` completions
    of the queue in the last minute (0.0 where unknown).
    """

    job: Job
    queue: Queue | None
    ahead: int = 0
    permit_holders: tuple[str, ...] = ()
    workers: int = 0
    capable_workers: int = 0
    free_slots: int = 0
    running_in_queue: int = 0
    rate_retry_after_seconds: float | None = None
    recent_rate_per_second: float = 0.0


class QueueLoad(Value, frozen=True, kw_only=True):
    """One queue at one moment: what waits and what serves it. `queue` is None where nobody made it.

    `delayed` waits for a time or its back-off, `blocked` for a permit, a parent or a person. `unservable` is ready for
    a task that no live session of the queue knows: all that is ready, where there is none. `workers` and `slots` are
    those of the live sessions that serve the queue and `busy_slots` their leases, of whatever queue."""

    namespace: str
    name: str
    queue: Queue | None = None
    ready: int = 0
    running: int = 0
    delayed: int = 0
    blocked: int = 0
    dead_letters: int = 0
    unservable: int = 0
    oldest_ready_at: Micros | None = None
    workers: int = 0
    slots: int = 0
    busy_slots: int = 0


class OwnedJob(Value, frozen=True, kw_only=True):
    """A live job of a custom resource."""

    id: str
    owner: Owner
    created_at: Micros


class DirtyJob(Value, frozen=True, kw_only=True):
    """The latest snapshot of a CR-owned job that its mirror has not acknowledged. `job` None: pruned."""

    owner: Owner
    job_id: str
    job: Job | None
    version: int
