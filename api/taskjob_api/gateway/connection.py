"""One TCP connection of a worker: lines in, lines out, nothing that a slow or hostile peer could make grow.

It reads, writes and bounds. What a message may mean is `GatewaySession`'s, what it does `WorkerGateway`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from taskjob.wire.codec import BadFrameError, decode_from_worker, encode_line
from taskjob.wire.gateway_session import (
    AnyIntent,
    Carrier,
    Close,
    Enter,
    GatewaySession,
    KeepAlive,
    Return,
    StopWork,
    SubmitJobs,
    Work,
)
from taskjob.wire.message_limits import RefusedError
from taskjob.wire.messages import Failure, GoAway, ToWorker, Update
from taskjob_api.gateway.failures import failure_of
from taskjob_api.gateway.framing import FrameTooLongError, LineFramer
from taskjob_api.gateway.live import LiveSession
from taskjob_api.gateway.under_way import UnderWay, retrieve
from taskjob_api.gateway.vouching import Vouching, is_loopback

if TYPE_CHECKING:
    from taskjob_api.gateway.tcp import TcpGateway

MAX_UNDER_WAY = 64
"""Reads whose messages are still being carried out; beyond it the connection is not read."""


class Connection(asyncio.Protocol):
    """Also the `Outlet` of its session."""

    def __init__(self, server: TcpGateway) -> None:
        self._server = server
        self._service = server.service
        self._settings = server.settings
        self._loop = asyncio.get_running_loop()
        self._rules = GatewaySession(Carrier.TCP)
        self._framer = LineFramer(server.settings.max_hello_bytes)
        self._transport: asyncio.Transport | None = None
        self._live: LiveSession | None = None
        self._vouching: Vouching | None = None
        self._left = False
        self._finishing = False
        self._reading = True
        self._virgin = True
        self._out: list[bytes] = []
        self._under_way = UnderWay(MAX_UNDER_WAY, self._adjust_reading)
        self._last: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.opened_at = self.heard_at = self._loop.time()
        self.stalled_at: float | None = None

    # ---- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=self._settings.write_buffer_bytes)
        self._vouching = Vouching(self._service.admission, peer_is_loopback=is_loopback(transport))
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it broke changes nothing
        self._transport = None
        self._server.left(self)
        if self._live is not None and not self._left:
            self._service.disconnected(self._live)

    def eof_received(self) -> bool:
        """The worker speaks no more, but may wait for its answers."""
        self.finish()
        transport = self._transport
        return transport is not None and transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """The worker does not read: no more work for it, and nothing more is read from it."""
        self.stalled_at = self._loop.time()
        if self._live is not None:
            self._service.parking.unpark(self._live)
        self._adjust_reading()

    def resume_writing(self) -> None:
        self.stalled_at = None
        if self._live is not None and self._service.sessions.is_current(self._live):
            self._service.parking.park(self._live, self._rules.credit)
        self._adjust_reading()

    def data_received(self, data: bytes) -> None:
        if self._finishing:
            return
        self.heard_at = self._loop.time()
        try:
            if self._virgin:
                self._virgin = False
                _check_first_byte(data)
            lines = self._framer.feed(data)
        except FrameTooLongError:
            self._refuse(Failure(code="TooLarge", detail=f"a message has at most {self._framer.limit} bytes"))
            return
        except BadFrameError as error:
            self._refuse(Failure(code="BadFrame", detail=str(error)))
            return
        self._read(lines)

    # ---- in

    def _read(self, lines: Sequence[bytes]) -> None:
        works: list[Work] = []
        refusal: Failure | None = None
        for line in lines:
            try:
                intent = self._rules.receive(decode_from_worker(line))
            except BadFrameError as error:
                refusal = Failure(code="BadFrame", detail=str(error)[:500])
                break
            except RefusedError as error:
                refusal = error.failure
                break
            if isinstance(intent, Work):
                works.append(intent)
                continue
            if works:
                self._carry_out_in_order(works)
                works = []
            self._follow(intent)
        if works:
            self._carry_out_in_order(works)
        if refusal is not None:
            self._refuse(refusal)

    def _follow(self, intent: AnyIntent) -> None:
        match intent:
            case Enter() | Return():
                self._under_way.begin(self._open(intent))
            case KeepAlive():
                self._under_way.begin(self._keep_alive(intent))
            case SubmitJobs():
                self._under_way.begin(self._submit(intent))
            case StopWork():
                assert self._live is not None
                # At once: a grant of the next turn of the loop would come too late for the worker.
                self._service.parking.withdraw(self._live)
                self._under_way.begin(self._drain(self._live))
            case Close():
                self._under_way.begin(self._leave(self._under_way.all()))

    async def _open(self, intent: Enter | Return) -> None:
        try:
            token = intent.register.token if isinstance(intent, Enter) else intent.resume.token
            principal = await self._who().authenticate(token)
            if isinstance(intent, Enter):
                live, welcome = await self._service.admission.enter(intent, principal, self._rules, self)
            else:
                live, welcome = await self._service.admission.come_back(intent, principal, self._rules, self)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the worker is told
            self._refuse(failure_of(error))
            return
        self._live = live
        self._known()
        self.send(welcome)
        if live.tidings is not None:
            self.send(live.tidings)
        if self._transport is None:
            self._service.disconnected(live)

    async def _keep_alive(self, intent: KeepAlive) -> None:
        try:
            principal = self._who().principal
            if principal is None:
                principal = await self._who().authenticate(intent.renew.token)
                self._known()
            self.send(await self._service.keep_alive(intent.renew, principal))
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(failure_of(error))

    def _carry_out_in_order(self, works: Sequence[Work]) -> None:
        self._last = self._under_way.begin(self._carry_out(works, self._last))

    async def _carry_out(self, works: Sequence[Work], previous: asyncio.Task[None] | None) -> None:
        live = self._live
        assert live is not None
        try:
            answers = await self._service.exchanges.carry_out(live, works, self._ask)
        except Exception as error:  # noqa: BLE001 - as above
            # Which settles took effect is not known here: the worker resumes and says them again.
            self._away(failure_of(error))
            return
        if previous is not None and not previous.done():
            await asyncio.wait([previous])
        for answer in answers:
            self.send(answer)
        if not answers[-1].renewed:
            self.finish()

    def _ask(self, want: int) -> None:
        if self._live is not None and self.stalled_at is None and not self._rules.draining:
            self._service.parking.credit(self._live, want)

    async def _drain(self, live: LiveSession) -> None:
        try:
            await self._service.drain(live)
        except Exception as error:  # noqa: BLE001 - as above
            self._away(failure_of(error))

    async def _submit(self, intent: SubmitJobs) -> None:
        assert self._live is not None
        principal = self._who().principal
        assert principal is not None
        try:
            self.send(await self._service.submit(self._live, intent.submit, principal))
        except Exception as error:  # noqa: BLE001 - as above
            self._away(failure_of(error))

    async def _leave(self, before: set[asyncio.Task[None]]) -> None:
        """Bye: what came before it is carried out first."""
        assert self._live is not None
        if before:
            await asyncio.wait(before)
        try:
            await self._service.leave(self._live)
            self._left = True
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(failure_of(error))
        self.finish()

    # ---- out

    def send(self, message: ToWorker) -> None:
        """Queue a message; everything of one turn of the loop is written at once."""
        if self._transport is None:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(encode_line(message))

    def push(self, update: Update) -> bool:
        if self._transport is None or self._finishing:
            return False
        self.send(update)
        # Work need not wait for the end of the turn, in which the answers of its submits are written.
        self._flush()
        if not update.renewed:
            self.finish()
        return True

    def goaway(self, reason: str, after_seconds: float) -> None:
        if not self._finishing:
            self.send(GoAway(reason=reason, after_seconds=after_seconds))
            self.finish()

    def finish(self) -> None:
        """Read no more, carry out what came, write what is to be written, close."""
        if self._finishing:
            return
        self._finishing = True
        if self._live is not None:
            self._service.parking.unpark(self._live)
        self._adjust_reading()
        self._closing = self._loop.create_task(self._close())
        self._closing.add_done_callback(retrieve)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _close(self) -> None:
        if under_way := self._under_way.all():
            await asyncio.wait(under_way, timeout=self._settings.stop_seconds)
        self._flush()
        if self._transport is not None:
            self._transport.close()
            self._loop.call_later(self._settings.stop_seconds, self.abort)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def _refuse(self, failure: Failure) -> None:
        self.send(failure)
        if failure.fatal:
            self.finish()

    def _away(self, failure: Failure) -> None:
        if failure.code == "Unavailable":
            self.goaway("Unavailable", 1.0)
        else:
            self._refuse(failure)

    # ---- bounds

    @property
    def stranger(self) -> bool:
        """It has not proved yet who it is."""
        return self._vouching is None or self._vouching.principal is None

    def review(self, now: float) -> None:
        """Where it is time, ask whether it may go on."""
        if self._vouching is not None and now > self._vouching.review_at:
            self._under_way.begin(self._review(self._vouching))

    async def _review(self, vouching: Vouching) -> None:
        match await vouching.review(self._live):
            case GoAway() as told:
                self.goaway(told.reason, told.after_seconds)
            case Failure() as failure:
                self._refuse(failure)

    def _who(self) -> Vouching:
        assert self._vouching is not None
        return self._vouching

    def _known(self) -> None:
        self._framer.limit = self._settings.max_frame_bytes
        self._server.known(self)

    def _adjust_reading(self) -> None:
        wanted = not self._finishing and self.stalled_at is None and not self._under_way.full
        if wanted == self._reading or self._transport is None or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()


def _check_first_byte(data: bytes) -> None:
    if data[:1] != b"{":
        raise BadFrameError(
            "this port speaks the worker protocol: one JSON object per line, no HTTP, no other TLS mode"
        )
