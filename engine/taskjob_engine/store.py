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
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from taskjob.model import (
    Attempt,
    AttemptOutcome,
    ErrorInfo,
    Job,
    JobDefaults,
    Micros,
    NamespaceStats,
    Owner,
    Phase,
    Queue,
    QueueLimits,
    RetryPolicy,
    WorkerInfo,
)


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape of parameters and verdicts: immutable, by keyword."""


# ---------------------------------------------------------------------------------------------- the store itself


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
    """A hint after a commit. It may be lost; it never lies about the past. `job` is set for a job's change,
    else (namespace, queue) has ready work for `task`."""

    namespace: str
    queue: str
    task: str | None = None
    job: str | None = None
    phase: Phase | None = None


# ---------------------------------------------------------------------------------------------------- submit


class Submission(Value, frozen=True, kw_only=True):
    """One accepted document, already valid. What it leaves out (None) comes from its queue, then the product.

    `payload` is the raw JSON of an object. `idempotency_key` with `document_hash` (hex SHA-256 of the canonical
    document) makes it repeatable; `key_ttl` is how long the key is kept at least (see `JobStore.submit`).
    """

    id: str
    namespace: str
    queue: str
    task: str
    payload: bytes = b"{}"
    name: str | None = None
    labels: dict[str, str] = {}
    priority: int = 0
    start_after: Micros | None = None
    retry: RetryPolicy | None = None
    timeout_seconds: int | None = None
    active_deadline_seconds: int | None = None
    idempotency_key: str | None = None
    document_hash: str = ""
    concurrency_key: str | None = None
    suspend: bool = False
    ttl_seconds_after_finished: int | None = None
    ttl_seconds_after_failed: int | None = None
    owner: Owner | None = None
    trace_context: str | None = None


class Submitted(Value, frozen=True, kw_only=True):
    """`created`; `existing` (same key, same document: `id` is the first job's); `conflict` (same key, other
    document: `id` is the first job's); `rejected` (maxLiveJobs, or the queue may not be created)."""

    outcome: Literal["created", "existing", "conflict", "rejected"]
    id: str
    code: str | None = None
    detail: str | None = None


# --------------------------------------------------------------------------------------------------- sessions


class SessionOpen(Value, frozen=True, kw_only=True):
    """`principal` is who the caller was authenticated as; a session and its leases are bound to it."""

    session: str
    principal: str
    worker: str
    namespace: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    carrier: str
    ttl_seconds: float


class SessionRef(Value, frozen=True, kw_only=True):
    """Names a session as its worker does. A lower epoch than the stored one, or another principal, is refused."""

    session: str
    epoch: int
    principal: str


class Renewal(Value, frozen=True, kw_only=True):
    """Renew, and tell what happened since. `holding`, where not None, is complete: leases of this session granted
    by a seq below `holding_seq` (None: any) and not named are released uncharged. `epoch` may be raised: `new_epoch`
    supersedes (resume)."""

    ref: SessionRef
    ttl_seconds: float
    holding: tuple[tuple[str, str], ...] | None = None
    holding_seq: int | None = None
    new_epoch: bool = False
    started: tuple[StartMark, ...] = ()
    progress: tuple[ProgressMark, ...] = ()


class StartMark(Value, frozen=True, kw_only=True):
    job: str
    lease: str
    ago_seconds: float = 0.0


class ProgressMark(Value, frozen=True, kw_only=True):
    """None leaves a field alone; `checkpoint` is raw JSON."""

    job: str
    lease: str
    progress: str | None = None
    checkpoint: bytes | None = None


class Renewed(Value, frozen=True, kw_only=True):
    """`renewed` False: gone or superseded (`reason` SessionGone, Superseded, WrongWorker, IncarnationChanged);
    nothing else was done. `lost` names leases that the caller presented (holding, started, progress) and does
    not have; `cancelling` those whose job is to be cancelled or has passed its time."""

    renewed: bool
    epoch: int = 0
    reason: str | None = None
    lost: tuple[LeaseReason, ...] = ()
    cancelling: tuple[LeaseReason, ...] = ()
    released: int = 0


class LeaseReason(Value, frozen=True, kw_only=True):
    job: str
    lease: str
    reason: str


class SessionEnd(Value, frozen=True, kw_only=True):
    """`within_seconds` shortens the expiry (never lengthens it); 0 ends the session now.

    `release` hands its leases back uncharged (`bye`: released if never started, interrupted if started);
    else they lapse when the expiry passes. Jobs with a concurrency key keep the full expiry of the last
    renewal, whatever `within_seconds` says. A stale epoch changes nothing.
    """

    ref: SessionRef
    within_seconds: float = 0.0
    release: bool = False


# ------------------------------------------------------------------------------------------- lease and settle


class LeaseRequest(Value, frozen=True, kw_only=True):
    """Up to `n` jobs for one session, from its queues and tasks, in rank order across them.

    `seq`: where not None and equal to the session's last leasing seq, the same grants are told again (those
    that are still leased and unsettled) and nothing new is leased. `max_bytes` bounds payload + checkpoint bytes;
    one job always fits.
    """

    ref: SessionRef
    n: int
    seq: int | None = None
    max_bytes: int = 4 * 1024 * 1024


class Granted(Value, frozen=True, kw_only=True):
    """A leased job, with all a worker needs. `timeout_seconds` is what is left of attempt time and deadline."""

    job: str
    lease: str
    namespace: str
    queue: str
    task: str
    payload: bytes
    run: int
    delivery: int
    attempt: int
    max_attempts: int
    timeout_seconds: float
    checkpoint: bytes | None = None
    labels: dict[str, str] = {}
    suspect: bool = False
    waited_seconds: float = 0.0


class Leased(Value, frozen=True, kw_only=True):
    """`refused` as `Renewed.reason`. `retry_after_seconds` where a rate limit alone held work back."""

    grants: tuple[Granted, ...] = ()
    replayed: bool = False
    refused: str | None = None
    retry_after_seconds: float | None = None


class Settlement(Value, frozen=True, kw_only=True):
    """The end of one delivery, told by the session that holds it. `result` is raw JSON small enough for the
    store, or `result_ref` names the artifact that holds it. `namespace` is the session's: the façade needs it to
    place a large result, stores compare the lease."""

    job: str
    lease: str
    session: str
    principal: str
    namespace: str = ""
    outcome: AttemptOutcome
    result: bytes | None = None
    result_ref: str | None = None
    error: ErrorInfo | None = None
    retryable: bool = True
    delay_seconds: float | None = None
    duration_seconds: float = 0.0
    log_ref: str | None = None


class SettleVerdict(StrEnum):
    ACCEPTED = "accepted"
    REPLAYED = "replayed"
    STALE = "stale"


class Settled(Value, frozen=True, kw_only=True):
    """`stale` carries a reason: Expired, Superseded, Released, Finished, WrongWorker, IncarnationChanged, UnknownJob.

    A repeat of the same lease with the same outcome is `replayed`; with another outcome `stale`/`Finished`.
    `phase` and `namespace`/`queue`/`task` are told for accepted ones (metrics, watchers).
    """

    verdict: SettleVerdict
    reason: str | None = None
    phase: Phase | None = None
    namespace: str = ""
    queue: str = ""
    task: str = ""


# -------------------------------------------------------------------------------------------- people's verbs


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
    """None leaves a field alone."""

    ref: JobRef
    priority: int | None = None
    suspend: bool | None = None
    ttl_seconds_after_finished: int | None = None
    ttl_seconds_after_failed: int | None = None


class QueueChange(Value, frozen=True, kw_only=True):
    """Create or change a queue. Fields None are left alone (limits and defaults are replaced whole).
    `pause` True/False sets or clears the operational pause by `actor`; `paused` the declared one."""

    namespace: str
    name: str
    limits: QueueLimits | None = None
    job_defaults: JobDefaults | None = None
    aging_seconds: int | None = None
    paused: bool | None = None
    pause: bool | None = None
    actor: str | None = None
    pause_reason: str | None = None
    pause_until: Micros | None = None


# --------------------------------------------------------------------------------------------- maintenance


class Expired(Value, frozen=True, kw_only=True):
    """What one bounded step of `expire` did."""

    lapsed: int = 0
    released: int = 0
    timed_out: int = 0
    deadlines: int = 0
    sessions: int = 0
    more: bool = False


class Promoted(Value, frozen=True, kw_only=True):
    promoted: int = 0
    more: bool = False


class Garbage(Value, frozen=True, kw_only=True):
    """Artifacts of a pruned job: delete everything under `prefix`, then acknowledge `id` in the next `prune`."""

    id: int
    prefix: str


class Pruned(Value, frozen=True, kw_only=True):
    jobs: int = 0
    keys: int = 0
    garbage: tuple[Garbage, ...] = ()
    more: bool = False


# --------------------------------------------------------------------------------------------------- reading


class JobFilter(Value, frozen=True, kw_only=True):
    """All given conditions hold. `namespace` is mandatory. Times select on created_at, half-open [after, before)."""

    namespace: str
    queue: str | None = None
    task: str | None = None
    phases: tuple[Phase, ...] = ()
    labels: dict[str, str] = {}
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
    that know its task; `free_slots` theirs; `recent_rate_per_second` completions of the queue in the last minute
    (0.0 where unknown).
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


class DirtyJob(Value, frozen=True, kw_only=True):
    """The latest snapshot of a CR-owned job that its mirror has not acknowledged. `job` None: pruned."""

    owner: Owner
    job_id: str
    job: Job | None
    version: int


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
        """The current incarnation and durable seq, without I/O."""
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

    async def session_close(self, items: Sequence[SessionEnd]) -> list[bool]:
        """False where the epoch was stale, the principal another or the session gone (nothing changed). A session
        that ends at once is gone for every later call; its leases lapse by `expire`, unless handed back here."""
        ...

    async def lease(self, items: Sequence[LeaseRequest]) -> list[Leased]:
        """Grant ready jobs, lowest rank first, across all queues of the session. Never: a job of a paused queue,
        one whose cancel was requested, one over a queue's maxConcurrency or rate, one of a task or queue that
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

    async def expire(self, limit: int) -> Expired:
        """Up to `limit` jobs: lapse leases of expired sessions (started: LOST, else RELEASED; when, says
        `policies.sessions.lapse_due_at`), time out started attempts that are over `timeout_at` by a grace of one TTL
        of their session, and end unleased jobs past their deadline. Closes expired sessions (`sessions` counts those
        it closed). Store-made endings carry the errors of `lifecycle.fencing`."""
        ...

    async def promote(self, limit: int) -> Promoted:
        """Up to `limit` waiting jobs whose time has come become eligible; ends expired operational pauses."""
        ...

    async def prune(self, limit: int, swept: Sequence[int] = ()) -> Pruned:
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
        """`unchanged` where nothing differs; a job in any phase may be amended (see `transitions.amend`)."""
        ...

    async def purge(self, items: Sequence[JobRef]) -> list[Changed]:
        """Delete terminal jobs now; a live one is `refused` with reason `NotFinished`."""
        ...

    async def put_queue(self, change: QueueChange) -> Queue:
        """See `policies.queue_change`. A raised perConcurrencyKey hands out permits to waiters in the same
        transaction; a lowered one takes none back."""
        ...

    async def changes(self, cluster_id: str, ack: Sequence[tuple[str, int]], limit: int) -> list[DirtyJob]:
        """First forget each acknowledged (job id, version) where the row still has that version, then tell up to
        `limit` rows of this owner scope. At most one row a job; the latest snapshot wins."""
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
        """The store's clock, which never goes back."""
        ...

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` on the event loop after each commit with hints; returns the call that stops it."""
        ...

    async def backup(self, target: str) -> None:
        """Write a consistent copy while running, or raise `InvalidError` where the store has its own tool for it."""
        ...
