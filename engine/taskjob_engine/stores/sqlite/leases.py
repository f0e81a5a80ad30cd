"""What the one writer remembers of the leases it granted, so that a plain settle needs no read before its write.

A memory, not a truth: whatever else happens to a leased job makes it forgotten here, and so does every rollback; the
settle then reads the row. And where it is trusted, the statement that ends the job compares the lease once more.
"""

from __future__ import annotations

from taskjob.model import Micros
from taskjob_engine.policies.sessions import SessionState
from taskjob_engine.store import Settlement
from taskjob_engine.stores.sqlite.ledger import Stream

Job = tuple[int, Stream, Micros]
"""Its number, its stream, and when it was leased."""


class _Call:
    """One grant call: its lease id is shared by `jobs`, those of it that are still as they were granted."""

    __slots__ = ("jobs", "principal", "session")

    def __init__(self, session: SessionState, jobs: dict[str, Job]) -> None:
        self.session = session.id
        self.principal = session.principal
        self.jobs = jobs


class Leases:
    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def __len__(self) -> int:
        """Grant calls of which something is remembered."""
        return len(self._calls)

    def granted(self, lease: str, session: SessionState, jobs: dict[str, Job]) -> None:
        """`jobs` by id: those with nothing to be minded when they complete (no owner, no concurrency key)."""
        if jobs:
            self._calls[lease] = _Call(session, jobs)

    def take(self, item: Settlement) -> Job | None:
        """The job of an item, once, where its lease is remembered and its session may speak for it."""
        call = self._calls.get(item.lease)
        if (
            call is not None
            and call.session == item.session  # False: the long way
            and call.principal == item.principal  # False: the long way
        ):
            job = call.jobs.pop(item.job, None)
            if not call.jobs:
                self._calls.pop(item.lease, None)  # no fence: of what is forgotten here the rows are read
            return job
        return None

    def forget(self, lease: str | None, job: str) -> None:
        """The job is not as it was granted any more."""
        call = self._calls.get(lease) if lease is not None else None
        if call is not None and call.jobs.pop(job, None) is not None and not call.jobs:
            del self._calls[str(lease)]

    def forget_all(self) -> None:
        self._calls.clear()
