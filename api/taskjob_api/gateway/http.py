"""The HTTP carrier: `POST /worker/v1/exchange`, one message in, one out, as a bare ASGI application.

A call that asks for work waits in a `Poll`; a client that goes away ends it. What messages mean is not known here.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from taskjob.errors import UnauthenticatedError
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
from taskjob_api.gateway.live import LiveSession
from taskjob_api.gateway.poll import Poll
from taskjob_api.gateway.service import NO_OUTLET, WorkerGateway, failure_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_SECONDS = 10.0
"""Longest time that a request's body may take to arrive."""

STATUS = {
    "BadFrame": 400,
    "ProtocolVersion": 400,
    "Unauthenticated": 401,
    "Forbidden": 403,
    "SessionGone": 404,
    "OutOfOrder": 409,
    "TooLarge": 413,
    "Unavailable": 503,
}


class HttpGateway:
    """Mount it at `/worker/v1/exchange`."""

    def __init__(self, service: WorkerGateway) -> None:
        self._service = service
        self._polls: set[Poll] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _reply(send, 405, Failure(code="BadFrame", detail="use POST"), (b"allow", b"POST"))
            return
        try:
            headers = dict(scope["headers"])
            _check_headers(headers)
            message = decode_from_worker(await _body(receive))
            principal = await self._service.authenticate(_bearer(headers), peer_is_loopback=_is_loopback(scope))
            answer = await self._answer(message, principal, receive)
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

    async def stop(self) -> None:
        """Answer every call that waits, with what it has."""
        self._service.stopping = True
        while self._polls:
            for poll in self._polls:
                poll.goaway("Stopping", 0.0)
            await asyncio.sleep(0.01)

    async def _answer(self, message: FromWorker, principal: Principal, receive: Receive) -> ToWorker | None:
        """None: the client is gone."""
        if isinstance(message, Register | Resume | Renew):
            return await self._greet(message, principal)
        if message.session is None or message.epoch is None:
            raise RefusedError("BadFrame", "session and epoch are required over HTTP")
        live = await self._service.find(message.session, message.epoch, principal)
        live.heard_at = self._service.clock()
        intent = live.rules.receive(message)
        match intent:
            case Work():
                return await self._exchange(live, intent, receive)
            case SubmitJobs():
                return await self._service.submit(live, intent.submit)
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
                return (await self._service.enter(intent, principal, rules, NO_OUTLET))[1]
            case Return():
                return (await self._service.come_back(intent, principal, rules, NO_OUTLET))[1]
            case _:
                assert isinstance(intent, KeepAlive)
                return await self._service.keep_alive(intent.renew, principal)

    async def _exchange(self, live: LiveSession, work: Work, receive: Receive) -> ToWorker | None:
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
            if work.want and not await poll.ended(work.wait_seconds, receive):
                return None
            return poll.complete(answer)
        finally:
            poll.close()
            self._polls.discard(poll)


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


async def _body(receive: Receive) -> bytes:
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
                if size > MAX_FRAME_BYTES:
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
