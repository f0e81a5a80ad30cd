"""The HTTP carrier: `POST /worker/v1/exchange`, one message in, one out, as a bare ASGI application.

A call that asks for work waits in a `Poll`; a client that goes away ends it. What messages mean is not known here.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from taskjob.errors import TaskJobError, UnauthenticatedError, UnavailableError
from taskjob.wire.codec import BadFrameError, decode_from_worker, encode
from taskjob.wire.gateway_session import Carrier, Close, Enter, GatewaySession, KeepAlive, Return, SubmitJobs, Work
from taskjob.wire.message_limits import RefusedError
from taskjob.wire.messages import (
    MAX_FRAME_BYTES,
    Failure,
    FromWorker,
    GoAway,
    Register,
    Renew,
    Resume,
    ToWorker,
    Update,
)
from taskjob_api.gateway.authentication import Principal
from taskjob_api.gateway.failures import failure_of
from taskjob_api.gateway.live import NO_OUTLET, LiveSession
from taskjob_api.gateway.poll import Poll
from taskjob_api.gateway.service import WorkerGateway

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_SECONDS = 10.0
"""Longest time that a request's body may take to arrive."""

REVIEW_SECONDS = 4.0
"""How often the token of a call that waits is checked again."""

SMALL_BYTES = 64 * 1024
MAX_READING_BYTES = 8 * MAX_FRAME_BYTES
"""Bytes of large bodies that are being read at once; more are told to come again. Small ones always pass."""

STATUS = {
    "BadFrame": 400,
    "ProtocolVersion": 400,
    "Unauthenticated": 401,
    "Forbidden": 403,
    "SessionGone": 404,
    "OutOfOrder": 409,
    "TooLarge": 413,
    "TooManySessions": 429,
    "Unavailable": 503,
}


class HttpGateway:
    """Mount it at `/worker/v1/exchange`."""

    def __init__(self, service: WorkerGateway) -> None:
        self._service = service
        self._polls: set[Poll] = set()
        self._reading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _reply(send, 405, Failure(code="BadFrame", detail="use POST"), (b"allow", b"POST"))
            return
        try:
            headers = dict(scope["headers"])
            _check_headers(headers)
            caller = _Caller(_bearer(headers), peer_is_loopback=_is_loopback(scope))
            # Whoever is not a worker has nothing read and nothing decoded.
            principal = await self._known(caller)
            message = await self._read(headers, receive)
            answer = await self._answer(message, principal, receive, caller)
        except BadFrameError as error:
            answer = Failure(code="BadFrame", detail=str(error)[:500])
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the worker is told
            answer = failure_of(error)
        if answer is None:
            return
        if isinstance(answer, Failure):
            retry = (b"retry-after", b"1") if answer.code == "Unavailable" else None
            await _reply(send, STATUS.get(answer.code, 500), answer, retry)
        else:
            await _reply(send, 200, answer)

    async def _known(self, caller: _Caller) -> Principal:
        return await self._service.admission.authenticate(caller.token, peer_is_loopback=caller.peer_is_loopback)

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> FromWorker:
        """The message, with its length counted against what may be read at once. Raises `UnavailableError`."""
        length = headers.get(b"content-length")
        reserved = MAX_FRAME_BYTES if length is None else int(length)
        if reserved <= SMALL_BYTES:
            return decode_from_worker(await _body(receive, reserved))
        if self._reading + reserved > MAX_READING_BYTES:
            raise UnavailableError("too many large messages at once; send this one again in a moment")
        self._reading += reserved
        try:
            return decode_from_worker(await _body(receive, reserved))
        finally:
            self._reading -= reserved

    async def stop(self) -> None:
        """Answer every call that waits, with what it has."""
        self._service.stopping = True
        while self._polls:
            for poll in self._polls:
                poll.goaway("Stopping", 0.0)
            await asyncio.sleep(0.01)

    async def _answer(
        self, message: FromWorker, principal: Principal, receive: Receive, caller: _Caller
    ) -> ToWorker | None:
        """None: the client is gone."""
        if isinstance(message, Register | Resume | Renew):
            return await self._greet(message, principal)
        if message.session is None or message.epoch is None:
            raise RefusedError("BadFrame", "session and epoch are required over HTTP")
        live = await self._service.admission.find(message.session, message.epoch, principal)
        live.heard_at = self._service.clock()
        intent = live.rules.receive(message)
        match intent:
            case Work():
                return await self._exchange(live, intent, receive, caller)
            case SubmitJobs():
                return await self._service.submit(live, intent.submit, principal)
            case Close():
                _end_poll(live)
                await self._service.leave(live)
                return Update(renewed=False)
            case _:
                _end_poll(live)
                await self._service.drain(live)
                return Update()

    async def _greet(self, message: Register | Resume | Renew, principal: Principal) -> ToWorker:
        rules = GatewaySession(Carrier.HTTP)
        intent = rules.receive(message)
        match intent:
            case Enter():
                return (await self._service.admission.enter(intent, principal, rules, NO_OUTLET))[1]
            case Return():
                return (await self._service.admission.come_back(intent, principal, rules, NO_OUTLET))[1]
            case _:
                assert isinstance(intent, KeepAlive)
                return await self._service.keep_alive(intent.renew, principal)

    async def _wait(self, poll: Poll, seconds: float, receive: Receive, caller: _Caller) -> bool:
        """False: the client is gone. A token that is revoked meanwhile ends the wait."""
        if seconds <= REVIEW_SECONDS:
            return await poll.ended(seconds, receive)
        reviewing = asyncio.create_task(self._review(poll, caller))
        try:
            return await poll.ended(seconds, receive)
        finally:
            reviewing.cancel()

    async def _review(self, poll: Poll, caller: _Caller) -> None:
        while True:
            await asyncio.sleep(REVIEW_SECONDS)
            try:
                await self._known(caller)
            except UnavailableError:
                continue
            except TaskJobError as error:
                poll.deny(error)
                return

    async def _exchange(self, live: LiveSession, work: Work, receive: Receive, caller: _Caller) -> ToWorker | None:
        if self._service.stopping and not work.settles:
            return GoAway(reason="Stopping", after_seconds=1.0)
        _end_poll(live)
        patient = work.wait_seconds > 0 and not self._service.stopping
        poll = Poll(live, self._service, seq=work.exchange.seq, patient=patient)
        live.outlet = poll
        self._polls.add(poll)
        try:
            [answer] = await self._service.exchanges.carry_out(live, [work], poll.ask)
            if answer.lost or answer.cancel or answer.verdicts or not answer.renewed:
                poll.hurry()
            if work.want and not await self._wait(poll, work.wait_seconds, receive, caller):
                return None
            return poll.complete(answer)
        finally:
            poll.close()
            self._polls.discard(poll)


class _Caller(NamedTuple):
    """What the one who calls shows for itself."""

    token: str | None
    peer_is_loopback: bool


def _end_poll(live: LiveSession) -> None:
    """A newer call of the session ends the one that waits."""
    live.outlet.goaway("Superseded", 0.0)


def _check_headers(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise BadFrameError("send Content-Type: application/json")
    if b"origin" in headers:
        raise RefusedError("Forbidden", "a worker is not a web page")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MAX_FRAME_BYTES:
        raise RefusedError("TooLarge", f"a message has at most {MAX_FRAME_BYTES} bytes")


def _bearer(headers: dict[bytes, bytes]) -> str | None:
    value = headers.get(b"authorization")
    if value is None:
        return None
    scheme, _, token = value.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise UnauthenticatedError("expected Authorization: Bearer <token>")
    return token.strip()


async def _body(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise BadFrameError("the client is gone")
                part: bytes = event.get("body", b"")
                size += len(part)
                if size > limit:
                    raise RefusedError("TooLarge", f"a message has at most {MAX_FRAME_BYTES} bytes")
                parts.append(part)
                if not event.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        raise BadFrameError(f"the message did not arrive within {BODY_SECONDS:.0f} s") from error


def _is_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0].partition("%")[0]).is_loopback
    except ValueError:
        return False


async def _reply(send: Send, status: int, message: ToWorker, header: tuple[bytes, bytes] | None = None) -> None:
    body = encode(message)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if header is not None:
        headers.append(header)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
