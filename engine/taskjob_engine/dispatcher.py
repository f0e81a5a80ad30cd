"""Ready work finds waiting sessions: leases are asked for on their behalf, and grants go to their sinks.

The dispatcher decides *when* a lease is worth asking for and *how many* jobs each session may take; the store
alone decides *which*. It holds no durable truth: what it forgets is found again by its poll, and a grant that
no one takes is handed back uncharged.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence

from taskjob.errors import OutcomeUnknownError, TaskJobError, UnavailableError
from taskjob.model import AttemptOutcome
from taskjob_engine.settings import EngineSettings
from taskjob_engine.store import Granted, JobStore, Leased, LeaseRequest, SessionRef, Settlement, Submission, WakeUp
from taskjob_engine.waiting import Parked, Sink, Stream, WaitingSessions

__all__ = ["Dispatcher", "Sink"]

log = logging.getLogger(__name__)

MAX_GRANT_BYTES = 4 * 1024 * 1024
_LARGEST_JOB_BYTES = 192 * 1024
MAX_CALLS = 2
"""Lease calls in flight for one session, where the second rides in the flush of settles that came with it."""

_FIRST_SHARE = 16
"""Jobs asked for at once on a hint of unknown size while several sessions wait; more only while it pays."""


class Dispatcher:
    """Asks the store for leases on behalf of parked sessions.

    Guarantees: one lease call in flight per parking, and a second only for what the session asks for beside it
    (`credit`), so that it rides in the flush of the settles that made room; a hint that arrives meanwhile is acted
    on afterwards; a session is never given more than it wants; sessions that wait for the same work take turns, and a
    batch is spread over them. All methods belong to the event loop's thread.
    """

    def __init__(
        self,
        store: JobStore,
        settings: EngineSettings,
        *,
        jitter: Callable[[], float] = random.random,
        observe: Callable[[Sequence[Granted]], None] = lambda _: None,
    ) -> None:
        """`observe` is told of each list of fresh grants (metrics)."""
        self._store = store
        self._batch = settings.batch
        self._poll_seconds = settings.maintenance_seconds
        self._jitter = jitter
        self._observe = observe
        self._waiting = WaitingSessions()
        self._due: dict[str, Parked] = {}
        self._round: asyncio.Task[None] | None = None
        self._flights: set[asyncio.Task[None]] = set()
        self._poll: asyncio.TimerHandle | None = None
        self._running = False

    # ---- life

    def start(self) -> None:
        """Begin to ask, and to poll."""
        if not self._running:
            self._running = True
            self._on_poll()

    async def stop(self) -> None:
        """Ask no more, and wait for the calls in flight: their grants are delivered or handed back. Safe to repeat."""
        self._running = False
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        for parked in self._waiting:
            self._forget(parked)
        while self._flights:
            await asyncio.wait(self._flights)

    # ---- sessions

    def park(
        self,
        ref: SessionRef,
        *,
        namespace: str,
        queues: Sequence[str],
        tasks: Iterable[str],
        want: int,
        sink: Sink,
        room: Callable[[], int],
        seq: int | None = None,
    ) -> None:
        """Wait for up to `want` jobs; replaces what this session waited for before (an HTTP exchange, a new
        connection). With `seq` the lease calls carry it, and the first answer that has something ends the wait.
        `room` says how many more leases the session may hold."""
        known = self._waiting.get(ref.session)
        if known is not None:
            self._forget(known)
        parked = Parked(ref, namespace=namespace, queues=queues, tasks=tasks, sink=sink, seq=seq, room=room)
        self._waiting.add(parked)
        self._want(parked, want)

    def credit(self, session: str, want: int) -> None:
        """Add to what a parked session waits for (a TCP exchange). Nothing where it is not parked. Call it in the
        loop turn of the settles that come with it: the lease is asked for in the next one and rides in their flush."""
        parked = self._waiting.get(session)
        if parked is not None and want > 0:
            self._want(parked, parked.want + want)
            if parked.seq is None and 0 < parked.calls < MAX_CALLS:
                self._fall_due(parked)

    def eased(self, session: str) -> None:
        """A parked session settled something: if its leases were too many, ask on."""
        parked = self._waiting.get(session)
        if parked is not None and parked.full:
            parked.full = False
            self._want(parked, parked.want)

    def withdraw(self, session: str) -> None:
        """What a parked session waits for becomes nothing (drain); it stays parked."""
        parked = self._waiting.get(session)
        if parked is not None:
            self._want(parked, 0)

    def unpark(self, session: str, sink: Sink) -> bool:
        """Wait no more, where `sink` is still the session's (an old connection's end must not end the new one's
        wait). True: a lease call is in flight, and its answer will still come to the sink."""
        parked = self._waiting.get(session)
        if parked is None or parked.sink is not sink:
            return False
        self._forget(parked)
        return parked.busy

    # ---- hints

    def anticipate(self, items: Sequence[Submission]) -> None:
        """Jobs are being submitted: ask for them on behalf of waiting sessions. Call it in the loop turn of
        `store.submit`: the lease is asked for in the next one and rides in the same flush."""
        if not self._waiting:
            return
        counts: dict[Stream, int] = {}
        for item in items:
            if item.start_after is None and not item.suspend:
                stream = (item.namespace, item.queue, item.task)
                counts[stream] = counts.get(stream, 0) + 1
        for stream, count in counts.items():
            self._spread(stream, count)

    def wake(self, wakeups: Sequence[WakeUp]) -> None:
        """Hints of the store's `watch`: a queue has ready work for a task."""
        if not self._waiting:
            return
        for stream in {(w.namespace, w.queue, w.task) for w in wakeups if w.is_ready_work and w.task is not None}:
            self._hint(stream, 1)

    def _spread(self, stream: Stream, count: int) -> None:
        """`count` jobs come: an equal share for each that can take them, as long as they last."""
        takers = self._waiting.takers(stream)
        share = -(-count // max(1, len(takers)))
        for parked in takers:
            if count <= 0:
                return
            self._ask(parked, share)
            count -= min(share, parked.want)

    def _hint(self, stream: Stream, width: int) -> None:
        """Something is ready, nobody said how much: ask for a few sessions, and go on while the answers are full."""
        takers = self._waiting.takers(stream)
        share = self._batch if len(takers) == 1 else _FIRST_SHARE
        for parked in takers[:width]:
            parked.streams.add(stream)
            # Who is about to be asked for sees this work too; a larger share would take it from the others.
            if parked.ref.session not in self._due:
                self._ask(parked, max(0, share - parked.share))

    # ---- asking

    def _want(self, parked: Parked, want: int) -> None:
        self._waiting.want(parked, want)
        if want > 0:
            self._ask(parked, want)

    def _ask(self, parked: Parked, share: int) -> None:
        parked.woken += 1
        parked.share += share
        if not parked.busy:
            self._fall_due(parked)

    def _fall_due(self, parked: Parked) -> None:
        if self._running:
            self._due[parked.ref.session] = parked
            if self._round is None:
                self._round = self._launch(self._ask_due())

    async def _ask_due(self) -> None:
        """What became due in one loop turn is asked for in one call (a few, if there are many)."""
        self._round = None
        due = [parked for parked in self._due.values() if parked.unasked > 0 and not self._holds_all_it_may(parked)]
        self._due.clear()
        for start in range(self._batch, len(due), self._batch):
            self._launch(self._lease(due[start : start + self._batch]))
        if due:
            await self._lease(due[: self._batch])

    def _holds_all_it_may(self, parked: Parked) -> bool:
        """Who holds all it may is not asked for; but a repeated seq gets what it got, whatever is held."""
        parked.full = parked.seq is None and parked.open_room <= 0
        return parked.full

    async def _lease(self, askers: list[Parked]) -> None:
        requests: list[LeaseRequest] = []
        seen: list[int] = []
        for parked in askers:
            n = max(0, min(parked.unasked, parked.share, self._batch, parked.open_room))
            requests.append(LeaseRequest(ref=parked.ref, n=n, seq=parked.seq, max_bytes=MAX_GRANT_BYTES))
            seen.append(parked.woken)
            parked.begin_call(n)
            parked.share = 0
        try:
            answers = await self._store.lease(requests)
        except UnavailableError as error:
            self._back_off(askers, requests, error)
            return
        except OutcomeUnknownError as error:
            log.warning("a lease call ended without a known outcome, its sessions must resume: %s", error.detail)
            self._disown(askers, requests)
            return
        except Exception:
            if len(askers) > 1:
                await self._lease_one_by_one(askers, requests)
                return
            log.exception("a lease call failed; its session must say what it holds")
            self._disown(askers, requests)
            return
        await self._hand_out(askers, requests, seen, answers)

    async def _hand_out(
        self, askers: list[Parked], requests: list[LeaseRequest], seen: list[int], answers: Sequence[Leased]
    ) -> None:
        """Each session's answer to its sink; `seen` are the hints that its request took along."""
        undelivered: list[Settlement] = []
        for parked, request, before, answer in zip(askers, requests, seen, answers, strict=True):
            parked.end_call(request.n)
            if answer.refused is not None:
                self._refuse(parked, answer.refused)
                continue
            if not answer.replayed:
                self._observe(answer.grants)
            if answer.grants or answer.replayed:
                undelivered += self._deliver(parked, answer.grants)
            else:
                parked.sink.nothing()
            self._go_on(parked, request.n, answer, hinted=parked.woken > before)
        if undelivered:
            await self._hand_back(undelivered)

    async def _lease_one_by_one(self, askers: list[Parked], requests: list[LeaseRequest]) -> None:
        """A shared call failed, of which nothing took effect: find whose request it was, and spare the others."""
        for parked, request in zip(askers, requests, strict=True):
            parked.end_call(request.n)
            if parked.want > 0 and self._waiting.holds(parked):
                parked.share += request.n
                await self._lease([parked])

    def _deliver(self, parked: Parked, grants: tuple[Granted, ...]) -> list[Settlement]:
        """Count the grants, move to the end of the lines, hand over. Returns the releases of what was not taken."""
        if self._waiting.holds(parked):
            if parked.seq is None:
                self._waiting.want(parked, parked.want - len(grants))
            else:
                self._forget(parked)
        if parked.sink.granted(grants):
            return []
        if self._waiting.holds(parked):
            self._forget(parked)
        if parked.seq is not None:
            # A repeat of this seq gets the same grants; a release now could hit those.
            return []
        return [_release(parked.ref, grant) for grant in grants]

    def _go_on(self, parked: Parked, n: int, answer: Leased, *, hinted: bool) -> None:
        """After an answer: who asks next? A full one says that there may be more, for others as well."""
        streams, parked.streams = parked.streams, set()
        full = _is_full(answer.grants, n)
        if full:
            last = answer.grants[-1]
            streams.add((last.namespace, last.queue, last.task))
            for stream in streams:
                self._hint(stream, 2)
        if parked.want <= 0 or not self._waiting.holds(parked):
            return
        if full:
            self._ask(parked, 2 * n)
        elif hinted:
            parked.streams |= streams
            self._ask(parked, 0 if parked.share else 1)
        elif answer.retry_after_seconds is not None:
            self._ask_later(parked, answer.retry_after_seconds)

    def _ask_later(self, parked: Parked, seconds: float) -> None:
        parked.cancel_timer()
        delay = seconds * (1.0 + 0.1 * self._jitter())
        parked.timer = asyncio.get_running_loop().call_later(delay, self._on_timer, parked)

    def _on_timer(self, parked: Parked) -> None:
        parked.timer = None
        if parked.want > 0:
            self._ask(parked, parked.want)

    def _on_poll(self) -> None:
        """Wake-ups may be lost: one session for each set of queues and tasks asks on everyone's behalf."""
        delay = self._poll_seconds * (0.75 + 0.5 * self._jitter())
        self._poll = asyncio.get_running_loop().call_later(delay, self._on_poll)
        for parked in self._waiting.one_of_each_kind():
            self._ask(parked, _FIRST_SHARE)

    # ---- letting go

    def _forget(self, parked: Parked) -> None:
        self._waiting.remove(parked)
        # Tidy only: who wants nothing any more is not asked for, whatever is due.
        due = self._due.get(parked.ref.session)  # no fence: see above
        if due is parked:  # False: see above
            del self._due[parked.ref.session]

    def _refuse(self, parked: Parked, reason: str) -> None:
        if self._waiting.holds(parked):
            self._forget(parked)
            parked.sink.refused(reason)

    def _back_off(self, askers: list[Parked], requests: list[LeaseRequest], error: UnavailableError) -> None:
        """Nothing was leased: the sessions go on waiting."""
        log.warning("the store could not lease: %s", error.detail)
        for parked, request in zip(askers, requests, strict=True):
            parked.end_call(request.n)
            if parked.want > 0 and self._running:
                self._ask_later(parked, error.retry_after_seconds or self._poll_seconds)

    def _disown(self, askers: list[Parked], requests: list[LeaseRequest]) -> None:
        """Leases may exist that no worker knows of: each session must be resumed, which tells what it holds."""
        for parked, request in zip(askers, requests, strict=True):
            parked.end_call(request.n)
            self._refuse(parked, "OutcomeUnknown")

    async def _hand_back(self, undelivered: list[Settlement]) -> None:
        try:
            for start in range(0, len(undelivered), self._batch):
                await self._store.settle(undelivered[start : start + self._batch])
        except TaskJobError as error:
            # The session's end, or what it says it holds when it resumes, releases them.
            log.warning("%d undelivered grants could not be handed back: %s", len(undelivered), error.detail)

    def _launch(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        flight = asyncio.get_running_loop().create_task(work)
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        return flight


def _is_full(grants: tuple[Granted, ...], n: int) -> bool:
    """Whether `n` or the byte limit, rather than the lack of work, ended the list."""
    if not grants or len(grants) >= n:
        return bool(grants)
    size = sum(len(grant.payload) + len(grant.checkpoint or b"") for grant in grants)
    return size > MAX_GRANT_BYTES - _LARGEST_JOB_BYTES


def _release(ref: SessionRef, grant: Granted) -> Settlement:
    return Settlement(
        job=grant.job,
        lease=grant.lease,
        session=ref.session,
        principal=ref.principal,
        outcome=AttemptOutcome.RELEASED,
    )
