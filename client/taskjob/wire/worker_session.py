"""The worker's side of a session: what is held, what is yet to be told, and until when the leases surely last.

Sans-IO: messages and the time go in, messages and events come out; both carriers drive the same machine. It never
reads a clock, opens a connection or runs a task. `gateway_session` is its counterpart.

What must survive a broken connection lives here: leases, settles without an answer, starts, progress, log chunks.
After `disconnected` the next `hello` resumes the session, names every lease, and the following exchanges say again
whatever was not answered; the server tells a repeat by its lease id (`replayed`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import NamedTuple

import msgspec

from taskjob.model.job import AttemptOutcome
from taskjob.wire.merged_progress import merged
from taskjob.wire.messages import (
    MAX_ITEMS,
    MAX_LOG_CHUNK_BYTES,
    SUPPORTED_PROTOCOLS,
    Bye,
    Drain,
    Exchange,
    Failure,
    GoAway,
    Grant,
    Held,
    LogChunk,
    LostLease,
    Progress,
    Register,
    Resume,
    Settle,
    Started,
    Submitted,
    ToWorker,
    Update,
    Welcome,
    Witness,
)
from taskjob.wire.refused_results import settled_otherwise
from taskjob.wire.worker_events import Answered, Event, Granted, Lapsed, Opened, Ordered, Refused
from taskjob.wire.worker_identity import Identity

MAX_EXCHANGE_BYTES = 4 * 1024 * 1024
"""Results and log text that one exchange carries at most (one settle always fits)."""

Key = tuple[str, str]
"""(job, lease): one delivery."""


FINAL_REFUSALS = frozenset({"ProtocolVersion", "Forbidden"})
"""Refusals that no repeat mends. `Unauthenticated` is not one: tokens are rotated."""

_FINISHED = frozenset({AttemptOutcome.COMPLETED, AttemptOutcome.CANCELLED})
"""Nobody reads a checkpoint after these; after any other end the next delivery does."""


class _Sent(NamedTuple):
    at: float
    settles: tuple[Settle, ...]
    starts: tuple[tuple[Key, float], ...]
    progress: tuple[Progress, ...]
    logs: tuple[LogChunk, ...]
    want: int


class WorkerSession:
    """One session at a time of one worker process. Not thread-safe.

    `bound_want`: over TCP a `want` adds to what the connection still owes (True); over HTTP it is for the one
    call (False), `session`, `epoch` and `holding` stand in each exchange, and one exchange is under way at a time.
    """

    def __init__(self, identity: Identity, *, bound_want: bool = True) -> None:
        self.identity = identity
        self.session: str | None = None
        self.epoch = 0
        self.namespace = ""
        self.ttl_seconds = 15.0
        self.heartbeat_seconds = 5.0
        self.connected = False
        self.draining = False
        self.renewed_at = float("-inf")
        """When the last renewal that was accepted had been *sent*, on the caller's monotonic clock."""
        self.owed = 0
        """Jobs asked for on this connection and not yet granted."""
        self._bound = bound_want
        self._seq = 0
        self._witness: Witness | None = None
        self._hello_at = 0.0
        self._resuming = False
        self._held: dict[Key, None] = {}
        self._running: dict[Key, float] = {}
        self._unsaid_starts: dict[Key, float] = {}
        self._settles: deque[Settle] = deque()
        self._progress: dict[Key, Progress] = {}
        self._logs: deque[LogChunk] = deque()
        self._sent: dict[int, _Sent] = {}
        self._last_sent_at = float("-inf")

    # ---- what the worker tells

    def start(self, job: str, lease: str, now: float) -> None:
        """The task begins. Told with the next exchange, or never if it settles before."""
        key = (job, lease)
        self._running[key] = now
        self._unsaid_starts[key] = now

    def settle(self, settle: Settle) -> None:
        """Kept and repeated until the server answers it. Ignored where the lease is not held any more."""
        key = (settle.job, settle.lease)
        self._unsaid_starts.pop(key, None)
        self._running.pop(key, None)
        if key in self._held:
            if settle.outcome in _FINISHED:
                self._progress.pop(key, None)
            self._settles.append(settle)

    def progress(self, progress: Progress) -> None:
        """The latest text and the latest checkpoint win."""
        key = (progress.job, progress.lease)
        if key in self._held:
            self._progress[key] = merged(self._progress.get(key), progress)

    def log(self, chunk: LogChunk) -> None:
        """Goes before or with the settle of its delivery. Chunks of one delivery are given in order of number."""
        if (chunk.job, chunk.lease) in self._held:
            self._logs.append(chunk)

    # ---- what is known

    @property
    def held(self) -> Iterable[Key]:
        """Every lease of this session, those with an unanswered settle included."""
        return self._held.keys()

    @property
    def deadline(self) -> float:
        """Until then the leases surely last; later another worker may run the same jobs."""
        return self.renewed_at + self.ttl_seconds

    @property
    def unsaid(self) -> bool:
        """Something waits for an exchange that should not wait for the next heartbeat."""
        return bool(self._settles or self._unsaid_starts or self._logs or self._progress)

    def must_speak(self, starts_until: float) -> bool:
        """As `unsaid`, but of the starts only those up to `starts_until` count."""
        if self._settles or self._logs or self._progress:
            return True
        return next(iter(self._unsaid_starts.values()), float("inf")) <= starts_until

    @property
    def unanswered(self) -> int:
        """Settles that the server has not answered."""
        return len(self._settles) + sum(len(sent.settles) for sent in self._sent.values())

    @property
    def silent_since(self) -> float:
        """When the oldest exchange without an answer was sent; infinite where all are answered."""
        return next((sent.at for sent in self._sent.values()), float("inf"))

    @property
    def in_flight(self) -> int:
        """Exchanges without an answer."""
        return len(self._sent)

    def heartbeat_at(self) -> float:
        """When an exchange is due even if there is nothing to say."""
        return self._last_sent_at + self.heartbeat_seconds

    def renewed_elsewhere(self, sent_at: float) -> None:
        """The guardian renewed the session from beside it."""
        self.renewed_at = max(self.renewed_at, sent_at)

    # ---- messages out

    def hello(self, now: float, token: str | None = None) -> Register | Resume:
        """The first message of a connection: resume where there is a session, else register. The token stands in
        it only over TCP."""
        self._hello_at = now
        self._resuming = self.session is not None
        me = self.identity
        if self.session is not None:
            return Resume(
                protocol=SUPPORTED_PROTOCOLS,
                session=self.session,
                epoch=self.epoch,
                holding=tuple(Held(job=job, lease=lease) for job, lease in self._held),
                process=me.process,
                witness=self._witness,
                token=token,
            )
        return Register(
            protocol=SUPPORTED_PROTOCOLS,
            worker=me.worker,
            queues=me.queues,
            tasks=me.tasks,
            slots=me.slots,
            namespace=me.namespace,
            version=me.version,
            process=me.process,
            witness=self._witness,
            token=token,
        )

    def exchange(
        self, now: float, *, capacity: int, wait_seconds: float = 0.0, start_delay_seconds: float = 0.0
    ) -> Exchange:
        """Everything there is to say, up to the size of one message; `unsaid` tells whether more remains.

        `capacity` is how many jobs beyond those held the worker could take now. Starts younger than
        `start_delay_seconds` are left for later: a job that ends first needs none. Always renews.
        """
        logs = self._take_logs()
        settles = self._take_settles({(chunk.job, chunk.lease) for chunk in self._logs})
        starts = self._take_starts(now - start_delay_seconds)
        progress = tuple(self._progress.pop(key) for key in list(self._progress)[:MAX_ITEMS])
        want = 0 if self.draining else max(0, min(capacity, MAX_ITEMS) - (self.owed if self._bound else 0))
        if self._bound:
            self.owed += want
        self._seq += 1
        self._last_sent_at = now
        self._sent[self._seq] = _Sent(now, settles, starts, progress, logs, want)
        return Exchange(
            seq=self._seq,
            session=None if self._bound else self.session,
            epoch=None if self._bound else self.epoch,
            holding=None if self._bound else tuple(Held(job=job, lease=lease) for job, lease in self._held),
            started=tuple(Started(job=key[0], lease=key[1], ago_seconds=max(0.0, now - at)) for key, at in starts),
            progress=progress,
            logs=logs,
            settle=settles,
            want=want,
            wait_seconds=wait_seconds,
            witness=self._witness,
        )

    def drain(self) -> Drain:
        """No more work from now on, also after a reconnect."""
        self.draining = True
        self.owed = 0
        return Drain() if self._bound else Drain(session=self.session, epoch=self.epoch)

    def bye(self) -> Bye:
        """The last message. Settle what ran before it: all that is still held is released uncharged."""
        return Bye() if self._bound else Bye(session=self.session, epoch=self.epoch)

    # ---- messages in

    def handle(self, message: ToWorker) -> list[Event]:
        match message:
            case Update():
                return self._on_update(message)
            case Welcome():
                return self._on_welcome(message)
            case Submitted() | GoAway():
                return [message]
            case Failure():
                return self._on_failure(message)

    def disconnected(self) -> None:
        """The connection is gone. What was sent and not answered is to be said again."""
        self.connected = False
        self.owed = 0
        for seq in sorted(self._sent, reverse=True):
            sent = self._sent[seq]
            self._settles.extendleft(reversed(sent.settles))
            self._logs.extendleft(reversed(sent.logs))
            for item in sent.progress:
                key = (item.job, item.lease)
                self._progress[key] = merged(item, self._progress.get(key, item))
        self._sent.clear()
        self._unsaid_starts = dict(self._running)

    def forget(self) -> tuple[LostLease, ...]:
        """The session is over: nothing is held, the next `hello` registers. What was held is returned as lost."""
        lost = tuple(LostLease(job=job, lease=lease, reason="SessionGone") for job, lease in self._held)
        self.session = None
        self.connected = False
        self.owed = 0
        self._seq = 0
        for kept in (self._held, self._running, self._unsaid_starts, self._settles, self._progress, self._logs):
            kept.clear()
        self._sent.clear()
        return lost

    # ---- inside

    def _on_welcome(self, welcome: Welcome) -> list[Event]:
        events: list[Event] = []
        resumed = self._resuming and welcome.session == self.session
        if not resumed and self._held:
            events.append(Lapsed(self.forget()))
        self.session, self.epoch, self.namespace = welcome.session, welcome.epoch, welcome.namespace
        self.ttl_seconds, self.heartbeat_seconds = float(welcome.ttl_seconds), float(welcome.heartbeat_seconds)
        self.connected = True
        self.renewed_at = max(self.renewed_at, self._hello_at) if resumed else self._hello_at
        self._last_sent_at = self._hello_at
        self._see(welcome.witness)
        return [*events, Opened(welcome, resumed)]

    def _on_update(self, update: Update) -> list[Event]:
        self._see(update.witness)
        if not update.renewed:
            return [Lapsed(self.forget()), Refused(Failure(code="SessionGone", detail="not renewed"), again=True)]
        events: list[Event] = []
        if update.seq:
            events += self._on_answer(update)
        if update.lost:
            events += self._on_lost(update.lost)
        if update.jobs:
            events += self._on_grants(update.jobs)
        if update.cancel:
            events.append(Ordered(update.cancel))
        return events

    def _on_answer(self, update: Update) -> list[Event]:
        sent = self._sent.pop(update.seq, None)
        if sent is None:
            return []
        self.renewed_at = max(self.renewed_at, sent.at)
        instead = settled_otherwise(sent.settles, update.verdicts)
        for settle in sent.settles:
            key = (settle.job, settle.lease)
            if key not in instead:
                self._held.pop(key, None)
            elif key in self._held:
                self._settles.append(instead[key])
        return [Answered(sent.settles, update.verdicts)] if sent.settles else []

    def _on_lost(self, lost: tuple[LostLease, ...]) -> list[Event]:
        """What waits to be settled is settled all the same: perhaps it was before, and only the answer was lost."""
        for item in lost:
            key = (item.job, item.lease)
            for kept in (self._held, self._running, self._unsaid_starts, self._progress):
                kept.pop(key, None)
        gone = {(item.job, item.lease) for item in lost}
        self._logs = deque(item for item in self._logs if (item.job, item.lease) not in gone)
        settling = {(item.job, item.lease) for item in self._settles}
        stopped = tuple(item for item in lost if (item.job, item.lease) not in settling)
        return [Lapsed(stopped)] if stopped else []

    def _on_grants(self, jobs: tuple[Grant, ...]) -> list[Event]:
        if self._bound:
            self.owed = max(0, self.owed - len(jobs))
        fresh = tuple(grant for grant in jobs if (grant.job, grant.lease) not in self._held)
        for grant in fresh:
            self._held[grant.job, grant.lease] = None
        return [Granted(fresh)] if fresh else []

    def _on_failure(self, failure: Failure) -> list[Event]:
        if failure.code == "SessionGone":
            return [Lapsed(self.forget()), Refused(failure, again=True)]
        return [Refused(failure, again=failure.code not in FINAL_REFUSALS)]

    def _see(self, witness: Witness | None) -> None:
        if witness is None:
            return
        known = self._witness
        if known is None or known.incarnation != witness.incarnation or witness.seq > known.seq:
            self._witness = witness

    def _take_starts(self, until: float) -> tuple[tuple[Key, float], ...]:
        """Oldest first, as they were put in."""
        taken = tuple(islice(takewhile(lambda item: item[1] <= until, self._unsaid_starts.items()), MAX_ITEMS))
        for key, _ in taken:
            del self._unsaid_starts[key]
        return taken

    def _take_logs(self) -> tuple[LogChunk, ...]:
        if not self._logs:
            return ()
        count = min(len(self._logs), MAX_ITEMS, MAX_EXCHANGE_BYTES // 2 // MAX_LOG_CHUNK_BYTES)
        return tuple(self._logs.popleft() for _ in range(count))

    def _take_settles(self, logs_first: set[Key]) -> tuple[Settle, ...]:
        """Settles up to one message, without those whose log is not all said."""
        taken: list[Settle] = []
        kept: list[Settle] = []
        room = MAX_EXCHANGE_BYTES
        while self._settles and len(taken) < MAX_ITEMS and room > 0:
            settle = self._settles.popleft()
            if logs_first and (settle.job, settle.lease) in logs_first:
                kept.append(settle)
                continue
            taken.append(settle)
            if settle.result is not msgspec.UNSET:
                room -= len(bytes(settle.result))
        self._settles.extendleft(reversed(kept))
        return tuple(taken)
