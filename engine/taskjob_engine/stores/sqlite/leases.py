"""What the one writer remembers of the leases it granted, so that a plain settle needs no read before its write.

A memory, not a truth: whatever else happens to a leased job makes it forgotten here, and so does every rollback; the
settle then reads the row. And where it is trusted, the statement that ends the job compares the lease once more.
"""

from __future__ import annotations

from taskjob.model import Micros
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.store import Settlement
from taskjob_engine.stores.sqlite.ledger import Stream

Job = tuple[int, Stream]
"""Its number and its stream."""


class Call:
    """One grant call: its lease id is shared by `jobs`, those of it that are still as they were granted."""

    __slots__ = ("jobs", "leased_at", "session")

    def __init__(self, session: SessionState, leased_at: Micros, jobs: dict[str, Job]) -> None:
        self.session = session
        self.leased_at = leased_at
        self.jobs = jobs


class Leases:
    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        """Grant calls of which something is remembered."""
        return len(self._calls)

    def granted(self, lease: str, session: SessionState, jobs: dict[str, Job], *, now: Micros) -> None:
        """`jobs` by id: those with nothing to be minded when they complete (no owner, no concurrency key)."""
        if jobs:
            self._calls[lease] = Call(session, now, jobs)

    def call(self, item: Settlement) -> Call | None:
        """The grant call that an item's lease comes from, where its session may speak for it."""
        call = self._calls.get(item.lease)
        if (
            call is not None
            and call.session.id == item.session  # False: the long way
            and call.session.principal == item.principal  # False: the long way
        ):
            return call
        return None

    def take(self, call: Call, item: Settlement) -> Job | None:
        """The job of an item, once."""
        job = call.jobs.pop(item.job, None)
        if not call.jobs:
            self._calls.pop(item.lease, None)  # no fence: of what is forgotten here the rows are read
        return job

    def forget(self, lease: str | None, job: str) -> None:
        """The job is not as it was granted any more."""
        call = self._calls.get(lease) if lease is not None else None
        if call is not None and call.jobs.pop(job, None) is not None and not call.jobs:
            del self._calls[str(lease)]

    def forget_all(self) -> None:
        self._calls.clear()
