"""The one seam to durable truth: `JobStore`, about twenty atomic verbs of the domain (DESIGN §5).

Obligations of every store, tested by `tests/conformance`:

- **Batch in, verdict per item out**, in order. One bad item never spoils a stranger's.
- **Atomic per item**: state, counters, attempt record, permits, ledger and dirty row change together or not
  at all. A comparison of lease, epoch, run or revision happens in the same transaction as the change.
- **Repeatable**: every verb may be sent again with the same key (idempotency key, lease id, seq, request id)
  and then tells the first answer or `replayed`, and changes nothing.
- **Durable before told**: `submit`, `settle`, `cancel`, `rerun`, `amend`, `purge` and the puts return after
  the flush; `lease`, `session_renew` need not wait for one.
- **In order**: calls made one after the other from one event loop take effect in that order, also inside one
  flush; so a lease asked for right behind a submit can grant the submitted job with the same commit.
- **Two failures only**: `UnavailableError` (nothing was applied) and `OutcomeUnknownError` (read it by key).
- **The store's clock** stamps everything; callers send durations. It never goes back.
- Rules of the life cycle come from `taskjob_engine.lifecycle` and nowhere else.
- A cancelled waiter never cancels the flush it waits for.

Namespaces are separate worlds: no verb crosses one, and a foreign job looks like a missing one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from taskjob.model import Attempt, Job, Micros, NamespaceStats, Queue, WorkerInfo
from taskjob_engine.store.leases import Leased, LeaseRequest, Settled, Settlement
from taskjob_engine.store.people import Amendment, Changed, Disowning, JobRef, QueueChange, Rerun
from taskjob_engine.store.reading import DirtyJob, Explanation, JobFilter, OwnedJob, Page, QueueLoad
from taskjob_engine.store.sessions import PrincipalEnd, Renewal, Renewed, SessionClosed, SessionEnd, SessionOpen
from taskjob_engine.store.standing import Standing, StoreInfo, WakeUp
from taskjob_engine.store.submission import Submission, Submitted
from taskjob_engine.store.upkeep import Expired, Promoted, Pruned

Watcher = Callable[[Sequence[WakeUp]], None]


class JobStore(Protocol):
    """See the module's docstring for what every verb owes."""

    async def open(self) -> StoreInfo:
        """Ready the store and read its settings back. Refuses (`StoreRefusedError`) weaker durability than asked
        for, a newer schema, a second owner of a single-owner store, and a store it cannot trust."""
        ...

    async def close(self) -> None:
        """Flush what was accepted, then let go. Safe to call twice, or before `open`."""
        ...

    async def witness(self, incarnation: str, seq: int) -> Standing:
        """Compare with what someone saw. The same incarnation with a higher seq than the store's durable one proves
        a rollback: the incarnation rotates, every lease is void (jobs go back uncharged), and it is told."""
        ...

    def standing(self) -> Standing:
        """The current incarnation and durable seq, without I/O. A seq may be any number that grows with what is
        durable; gaps mean nothing."""
        ...

    def witness_key(self) -> bytes:
        """32 random bytes, made with the store and the same for all who have it open, also after a restart or from a
        back-up: with it the server signs the witnesses that it hands out. It never leaves the server."""
        ...

    async def submit(self, items: Sequence[Submission], *, create_queues: bool) -> list[Submitted]:
        """Accept jobs: key, job, permit, ledger and dirty row together.

        A key is looked up within its namespace and kept max(24 h, the job's retention) from the job's finish, also
        after the job is pruned. `create_queues` makes unknown queues (the laptop); else the job waits, ready, for
        its queue to be made. Items of one call with equal keys behave as if sent one after the other.

        An id that the namespace already has is `existing` (a repeat without a key); one that another namespace
        has is `conflict`. `rejected` has code `QuotaExceeded` (maxLiveJobs) or `Invalid` (a value that cannot be
        stored). The key counts first: an existing job is told whatever the quota says.
        """
        ...

    async def session_open(self, session: SessionOpen) -> int:
        """Record a session and tell its epoch (1). Opening an existing session id is refused (`ConflictError`)."""
        ...

    async def session_renew(self, items: Sequence[Renewal]) -> list[Renewed]:
        """Rules in `policies.sessions`. A session past its expiry that `expire` has not swept is revived.

        Applied in this order: epoch and expiry, `started`, `progress` (a changed one raises the revision),
        `holding`. `new_epoch` also forgets the last leasing seq. `cancelling` names every lease the session then
        holds with a reason of `transitions.stop_order`; `lost` each presented lease once, reason as a stale settle's.
        Unheld leases end as RELEASED, whether they had started or not.
        """
        ...

    async def session_close(self, items: Sequence[SessionEnd]) -> list[SessionClosed]:
        """`closed` is False where the epoch was stale, the principal another or the session gone. A session
        that ends at once is gone for every later call; its leases lapse by `expire`, unless handed back here."""
        ...

    async def end_principals(self, items: Sequence[PrincipalEnd]) -> list[Expired]:
        """End every open session of each principal that was opened before `connected_before`, whatever its expiry: its
        leases lapse now (started: LOST, else RELEASED) with the error told, in the attempt records too. A keyed job's
        lease lapses with the same error when `policies.sessions.lapse_due_at` says so. A repeat finds no session
        open."""
        ...

    async def lease(self, items: Sequence[LeaseRequest]) -> list[Leased]:
        """Grant ready jobs, lowest rank first, across all queues of the session. Never: a job of a paused or deleted
        queue, one whose cancel was requested, one over a queue's maxConcurrency or rate, one of a task or queue that
        the session does not serve, one past its deadline, or one of a queue that does not exist (`default` always
        does). All grants of one call share one random lease id.

        A seq below the session's last leasing seq, and a session past its expiry, are granted nothing.
        `retry_after_seconds` is the shortest wait of its rate-limited queues that have work for it, told where
        fewer than `n` were granted. The byte limit cuts the order, it never skips a large job for a smaller one.
        """
        ...

    async def settle(self, items: Sequence[Settlement]) -> list[Settled]:
        """End deliveries. Accepted only if (job, lease, session, principal) match the stored lease, compared in the
        transaction that changes it. Outcome, counters, attempt record, result, permit hand-over, ledger and dirty
        row change together. Judged by `lifecycle.fencing`; a result is kept only where the job becomes COMPLETED.

        A keyed job holds its permit while READY or LEASED (`transitions.holds_permit`): one that goes back to READY
        keeps it, any other move hands it to the best-ranked (rank, then id) waiter of its key, if the limit allows.
        """
        ...

    async def expire(self, limit: int, *, as_of: Micros | None = None, skipped_seconds: float = 0.0) -> Expired:
        """Up to `limit` jobs: lapse leases of expired sessions (started: LOST, else RELEASED; when, says
        `policies.sessions.lapse_due_at`), end leases that are over `timeout_at` by a grace of one TTL of their session
        (started: TIMED_OUT, else RELEASED), and end unleased jobs past their deadline. Closes expired sessions
        (`sessions` counts those it closed). Store-made endings carry the errors of `lifecycle.fencing`.

        `skipped_seconds` is time that the clock jumped over: nothing ran in it, so it does not count towards an
        attempt's time-out. What is due is judged as of `as_of`, a time told by `now`: a call that waits behind a slow
        disk, before the renewals that wait there too, must not find everybody silent."""
        ...

    async def promote(self, limit: int) -> Promoted:
        """Up to `limit` waiting jobs whose time has come become eligible; ends expired operational pauses."""
        ...

    async def prune(self, limit: int, swept: Sequence[str] = ()) -> Pruned:
        """Delete up to `limit` terminal jobs past `expires_at` (their attempts too; counted as purged), keys past
        theirs and closed sessions (those without leases, a minute after); forget the `swept` garbage and tell the
        next, again and again until it is acknowledged. Every job that was ever leased leaves garbage."""
        ...

    async def cancel(self, items: Sequence[JobRef]) -> list[Changed]:
        """`unchanged` where it was asked for before or the job is cancelled; `refused` with reason `Finished` where
        it completed or is a dead letter."""
        ...

    async def rerun(self, items: Sequence[Rerun]) -> list[Changed]:
        """Only terminal jobs; a live one is `refused` with reason `NotFinished`. A known request id is `unchanged`
        with the run it started. Drops progress, checkpoint and result of the run before."""
        ...

    async def amend(self, items: Sequence[Amendment]) -> list[Changed]:
        """`unchanged` where nothing differs; a job in any phase may be amended (see `transitions.amend`). A new owner
        is told of the job by `changes`, the former one no more."""
        ...

    async def disown(self, items: Sequence[Disowning]) -> list[Changed]:
        """As `amend` with the heir as owner, or as `cancel` without one; but a job that is not (any more) its owner's,
        by `policies.ownership`, is `not_found`: the owner is compared in the transaction that changes the job."""
        ...

    async def purge(self, items: Sequence[JobRef]) -> list[Changed]:
        """Delete terminal jobs now; a live one is `refused` with reason `NotFinished`."""
        ...

    async def put_queue(self, change: QueueChange) -> Queue:
        """See `policies.queue_change`, whose refusal (`ConflictError`) changes nothing. A raised perConcurrencyKey
        hands out permits to waiters in the same transaction; a lowered one takes none back."""
        ...

    async def changes(self, cluster_id: str, ack: Sequence[tuple[str, int]], limit: int) -> list[DirtyJob]:
        """First forget each acknowledged (job id, version) where the row still has that version, then tell up to
        `limit` rows of this owner scope. At most one row a job; the latest snapshot wins, for the latest owner.
        A cluster owns jobs of many namespaces: an acknowledgement names none, as job ids are unique in the store."""
        ...

    async def owned(self, cluster_id: str, *, after: str | None, limit: int) -> list[OwnedJob]:
        """Live jobs whose owner is of this cluster, in the order of their ids, from behind `after` on. The cost follows
        what is told, not what is stored."""
        ...

    async def get(self, refs: Sequence[JobRef]) -> list[Job | None]: ...

    async def jobs(self, where: JobFilter, *, limit: int, cursor: str | None = None) -> Page:
        """Newest first. A forged cursor is an `InvalidError`."""
        ...

    async def count(self, where: JobFilter, *, limit: int) -> int:
        """Matching jobs, counted up to `limit`."""
        ...

    async def attempts(self, ref: JobRef) -> list[Attempt]:
        """All deliveries of all runs, oldest first; empty for an unknown job."""
        ...

    async def explain(self, ref: JobRef) -> Explanation | None: ...

    async def queues(self, namespace: str) -> list[Queue]:
        """By name; `default` is always among them."""
        ...

    async def loads(self, names: Sequence[tuple[str, str]]) -> list[QueueLoad]:
        """For each (namespace, queue), in order, of one snapshot. The cost does not grow with what is ready, as long as
        workers know its tasks."""
        ...

    async def managed_queues(self, cluster_id: str) -> list[tuple[str, str]]:
        """(namespace, name) of all queues that this cluster manages, in order."""
        ...

    async def session(self, session: str) -> WorkerInfo | None:
        """The session that this id names, in whatever namespace: also one past its expiry, as long as a renewal could
        revive it. None for an unknown or closed one."""
        ...

    async def workers(self, namespace: str | None) -> list[WorkerInfo]:
        """Sessions that are not expired, and those closed within the last minute."""
        ...

    async def stats(self, namespace: str | None) -> NamespaceStats:
        """Exact counts of one snapshot, from the ledger; the cost does not grow with the backlog."""
        ...

    async def audit(self) -> NamespaceStats:
        """The same counts scanned from the tables (accepted and purged from the ledger): the ledger's judge. Slow."""
        ...

    async def next_due_at(self) -> Micros | None:
        """When `promote` or `expire` will next have work, as far as known; for the poll that never stops."""
        ...

    def now(self) -> Micros:
        """The store's clock, which never goes back. Without I/O: a store whose clock is a server's tells its estimate
        of it. What a verb stamps is the server's own."""
        ...

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` on the event loop after each commit with hints; returns the call that stops it."""
        ...
