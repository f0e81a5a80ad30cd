"""The worker protocol, version 1: every message, both directions, one JSON object each.

The same objects travel on both carriers: one per line over TCP, one per request and reply over
`POST /worker/v1/exchange`. `docs/reference/worker-protocol.md` shows them literally. What order they
may come in is the business of `worker_session` and `gateway_session`; this file only names them.

A worker sends durations, never times of day: the only clock is the store's.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from taskjob.model.job import AttemptOutcome, ErrorInfo

PROTOCOL_VERSION = 1
SUPPORTED_PROTOCOLS = (1,)

MAX_FRAME_BYTES = 8 * 1024 * 1024
"""One message, encoded. A longer frame is refused and the connection closed."""

MAX_GRANT_BYTES = 4 * 1024 * 1024
"""Payload and checkpoint bytes that one `update` carries at most (one job always fits)."""

MAX_RESULT_BYTES = 1024 * 1024
MAX_CHECKPOINT_BYTES = 64 * 1024
MAX_LOG_CHUNK_BYTES = 64 * 1024
MAX_ITEMS = 1000
"""Entries in any one list of a message."""


class Message(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, tag_field="type", gc=False
):
    pass


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    pass


class Witness(Item, frozen=True, kw_only=True):
    """The highest (incarnation, durable seq) the sender has seen; a higher one than the store's proves a rollback.

    A worker sends back what it was sent: without the server's own signature it proves nothing and is ignored."""

    incarnation: str
    seq: int
    signature: str = ""


class Held(Item, frozen=True, kw_only=True):
    job: str
    lease: str


class ProcessIdentity(Item, frozen=True, kw_only=True):
    """Enough for a gateway on the same host to see that a worker process is gone, not merely disconnected.

    `host` is the kernel's boot id and `pid_namespace` the inode of its pid namespace; `started` is the
    process start time in clock ticks (proc(5), field 22), so that a recycled pid is not mistaken for it.
    """

    host: str
    pid_namespace: int
    pid: int
    started: int


# ---- worker → server


class Register(Message, frozen=True, kw_only=True, tag="register"):
    """Open a session. `protocol` lists the versions the worker speaks, best first."""

    protocol: tuple[int, ...]
    worker: str
    queues: tuple[str, ...]
    tasks: tuple[str, ...]
    slots: int
    namespace: str | None = None
    version: str = ""
    process: ProcessIdentity | None = None
    witness: Witness | None = None
    token: str | None = None
    """Only on TCP, where there is no Authorization header."""


class Resume(Message, frozen=True, kw_only=True, tag="resume"):
    """Continue a session on a new connection. `holding` is complete: what is leased to the session and
    not named in it is released uncharged. The answer is `welcome` with a higher epoch, or `error` with
    code `SessionGone`, after which the worker registers anew."""

    protocol: tuple[int, ...]
    session: str
    epoch: int
    holding: tuple[Held, ...]
    process: ProcessIdentity | None = None
    witness: Witness | None = None
    token: str | None = None


class Started(Item, frozen=True, kw_only=True):
    job: str
    lease: str
    ago_seconds: float = 0.0


class Progress(Item, frozen=True, kw_only=True):
    """`progress` is a short text such as `341/1000` (≤ 128 characters); `checkpoint` any JSON ≤ 64 KiB."""

    job: str
    lease: str
    progress: str | None = None
    checkpoint: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class LogChunk(Item, frozen=True, kw_only=True):
    """A piece of an attempt's log. `number` counts from 0 within the delivery; a repeat is ignored."""

    job: str
    lease: str
    number: int
    text: str
    truncated: bool = False


class Settle(Item, frozen=True, kw_only=True):
    """How a delivery ended. `interrupted` hands back a started job, `released` one that never started.

    `delay_seconds` is the wait of a `snoozed` job, or overrides the back-off of a `failed` one.
    `retryable` False makes a failure final.
    """

    job: str
    lease: str
    outcome: AttemptOutcome
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: ErrorInfo | None = None
    delay_seconds: float | None = None
    retryable: bool = True
    duration_seconds: float = 0.0


class Exchange(Message, frozen=True, kw_only=True, tag="exchange"):
    """Settle, renew and ask for work in one call. Any exchange renews the session.

    `session` and `epoch` are required over HTTP and ignored over TCP (the connection is bound).
    `seq` grows by one; repeating the last one after a lost reply brings the same grants.
    `holding`, where given, is complete up to the reply of `seq - 1` (HTTP sends it always).
    `want` over HTTP is for this call only, which waits up to `wait_seconds` for work; over TCP it adds
    to what earlier exchanges of the connection asked for and have not received.
    """

    seq: int
    session: str | None = None
    epoch: int | None = None
    holding: tuple[Held, ...] | None = None
    started: tuple[Started, ...] = ()
    progress: tuple[Progress, ...] = ()
    logs: tuple[LogChunk, ...] = ()
    settle: tuple[Settle, ...] = ()
    want: int = 0
    wait_seconds: float = 0.0
    witness: Witness | None = None


class Submit(Message, frozen=True, kw_only=True, tag="submit"):
    """Submit jobs from inside a task; `items` are job documents as in REST, in the session's namespace."""

    request: int
    items: tuple[msgspec.Raw, ...]
    session: str | None = None
    epoch: int | None = None


class Renew(Message, frozen=True, kw_only=True, tag="renew"):
    """Keep a session alive from beside it, and change nothing else: no epoch rises, no connection is superseded.
    Or tell that the worker is dead.

    A worker's guardian process sends it when user code keeps the worker itself from speaking. Over TCP it is the
    first message of a second connection (which is bound to nothing: its end closes no session) and may be
    repeated there; over HTTP an exchange like any other. The answer is `update` with seq 0 and `renewed`.
    """

    session: str
    epoch: int
    token: str | None = None
    """Only on TCP, where there is no Authorization header."""

    dead: bool = False
    """The worker's process is certainly gone: the session ends at once instead, and what it had started is lost.
    The answer's `renewed` is false."""


class Drain(Message, frozen=True, kw_only=True, tag="drain"):
    """No more work, please: running jobs go on, outstanding `want` is void."""

    session: str | None = None
    epoch: int | None = None


class Bye(Message, frozen=True, kw_only=True, tag="bye"):
    """The session is over; what it still holds is released uncharged."""

    session: str | None = None
    epoch: int | None = None


# ---- server → worker


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    protocol: int
    session: str
    epoch: int
    namespace: str
    ttl_seconds: int
    heartbeat_seconds: int
    witness: Witness
    max_frame_bytes: int = MAX_FRAME_BYTES


class Grant(Item, frozen=True, kw_only=True):
    """One leased job. `attempt` is what this attempt's number will be if it is charged (from 1);
    `delivery` counts grants of this run. `timeout_seconds` is what is left for this attempt.
    A `suspect` job runs alone in its own process: it was present at two worker deaths."""

    job: str
    lease: str
    queue: str
    task: str
    payload: msgspec.Raw
    run: int = 0
    delivery: int = 1
    attempt: int = 1
    max_attempts: int = 1
    timeout_seconds: float = 0.0
    checkpoint: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    labels: dict[str, str] = {}
    suspect: bool = False


class CancelOrder(Item, frozen=True, kw_only=True):
    """Stop this task. `reason` is `CancelRequested`, `DeadlineExceeded` or `TimedOut`."""

    job: str
    lease: str
    reason: str


class LostLease(Item, frozen=True, kw_only=True):
    """The lease is gone: kill the task, do not settle. `reason` as in `Verdict`."""

    job: str
    lease: str
    reason: str


class Verdict(Item, frozen=True, kw_only=True):
    """`replayed`: this very settle was recorded before. `stale`: refused, with the machine-readable reason
    (`Expired`, `Superseded`, `Released`, `Finished`, `WrongWorker`, `IncarnationChanged`, `UnknownJob`)."""

    job: str
    lease: str
    verdict: Literal["accepted", "replayed", "stale", "rejected"]
    reason: str | None = None


class Update(Message, frozen=True, kw_only=True, tag="update"):
    """Answer to the exchange `seq`, or, with seq 0, a push.

    The answer is written after its settles are durable. Every settle of the exchange that `verdicts`
    does not name was accepted. `renewed` False means the session is not this worker's any more.
    """

    seq: int = 0
    jobs: tuple[Grant, ...] = ()
    cancel: tuple[CancelOrder, ...] = ()
    lost: tuple[LostLease, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    witness: Witness | None = None
    renewed: bool = True


class SubmitVerdict(Item, frozen=True, kw_only=True):
    outcome: Literal["created", "existing", "conflict", "rejected"]
    id: str | None = None
    code: str | None = None
    detail: str | None = None
    field: str | None = None


class Submitted(Message, frozen=True, kw_only=True, tag="submitted"):
    request: int
    verdicts: tuple[SubmitVerdict, ...]


class GoAway(Message, frozen=True, kw_only=True, tag="goaway"):
    """The server will close this connection; the session lives on. Reconnect after a jittered `after_seconds`."""

    reason: str
    after_seconds: float = 0.0


class Failure(Message, frozen=True, kw_only=True, tag="error"):
    """A refusal. `fatal` closes the connection. Codes: `SessionGone`, `ProtocolVersion`, `BadFrame`,
    `TooLarge`, `TooManySessions`, `Unauthenticated`, `Forbidden`, `OutOfOrder`, `Unavailable`."""

    code: str
    detail: str
    fatal: bool = True


FromWorker = Register | Resume | Exchange | Submit | Renew | Drain | Bye
ToWorker = Welcome | Update | Submitted | GoAway | Failure
