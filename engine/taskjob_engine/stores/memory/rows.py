"""What the memory store keeps of each thing. Plain rows; the rules on them live elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskjob.model import Attempt, Job, Micros, Owner
from taskjob_engine.lifecycle.fencing import PastDelivery
from taskjob_engine.lifecycle.state import JobState
from taskjob_engine.lifecycle.view import JobDetails, job_view

QueueKey = tuple[str, str]
"""(namespace, queue)"""


@dataclass(slots=True)
class JobRow:
    """`past` finds an ended delivery by its lease; `reruns` the run that a request id started;
    `lease_seq` is the seq of the lease call that granted the standing lease."""

    job: JobState
    details: JobDetails
    attempts: list[Attempt] = field(default_factory=list)
    past: dict[str, PastDelivery] = field(default_factory=dict)
    reruns: dict[str, int] = field(default_factory=dict)
    lease_seq: int | None = None

    @property
    def queue_key(self) -> QueueKey:
        return (self.job.namespace, self.job.queue)

    def view(self) -> Job:
        return job_view(self.job, self.details)


@dataclass(slots=True)
class KeyRow:
    """An idempotency key. `expires_at` None: its job lives."""

    job: str
    document_hash: str
    expires_at: Micros | None = None


@dataclass(slots=True)
class DirtyRow:
    owner: Owner
    version: int
