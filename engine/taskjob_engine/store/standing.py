"""Where a store stands, and the hints it gives."""

from __future__ import annotations

from typing import Literal

from taskjob.model import Phase
from taskjob_engine.store.value import Value


class StoreInfo(Value, frozen=True, kw_only=True):
    """Read back from the store's own connection, not from its configuration.

    `durability` is `durable`, or `relaxed` where a person allowed weaker settings; `replication` is
    `local` or `replicated`. `settings` holds what was read (for example synchronous=2).
    """

    kind: str
    incarnation: str
    durability: Literal["durable", "relaxed"]
    replication: Literal["local", "replicated"]
    schema_version: int
    settings: dict[str, str]


class Standing(Value, frozen=True, kw_only=True):
    """Where the store stands: `seq` is the last *durable* one. `rolled_back` tells that a witness proved a loss:
    the incarnation was rotated and every lease voided."""

    incarnation: str
    seq: int
    rolled_back: bool = False


class WakeUp(Value, frozen=True, kw_only=True):
    """A hint after a commit. It may be lost; it never lies about the past. `job` is set for a job's change (or
    `jobs`, where several of one queue and task came into the same phase at once), else (namespace, queue) has ready
    work for `task`. `cancelling`: its cancel was requested and it is leased. `cluster` alone: `changes` has
    something new for that owner scope."""

    namespace: str
    queue: str
    task: str | None = None
    job: str | None = None
    jobs: tuple[str, ...] = ()
    phase: Phase | None = None
    cancelling: bool = False
    cluster: str | None = None

    @property
    def is_ready_work(self) -> bool:
        return self.task is not None and self.job is None and not self.jobs
