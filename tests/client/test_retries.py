"""What the clients do when the network or the server does not: over real sockets, to a server that follows a script."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from taskjob import AsyncClient, Client
from taskjob.client.backoff import FIRST_SECONDS, LONGEST_SECONDS, pause_seconds, should_repeat
from taskjob.client.problems import error_class, read_problem
from taskjob.errors import (
    CannotConnectError,
    ConflictError,
    ForbiddenError,
    IdempotencyConflictError,
    InvalidError,
    OutcomeUnknownError,
    OverloadedError,
    QuotaExceededError,
    TaskJobError,
    UnavailableError,
)

CUT = b""
"""The script's way to say: close the connection without an answer."""

SILENCE = b"..."
"""Read the request and never answer."""

ACCEPTED = {"id": "0" * 32, "namespace": "default", "queue": "default", "task": "add", "outcome": "created"}
JOB = {"id": "0" * 32, "task": "add", "phase": "completed", "result": 3}


def answer(status: int, document: Any, *headers: str, kind: str = "application/json") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def problem(status: int, code: str, *headers: str, **more: Any) -> bytes:
    document = {"status": status, "code": code, "title": code, "detail": f"told {code}", **more}
    return answer(status, document, *headers, kind="application/problem+json")


class Scripted:
    """Answers one connection after the other as told, and keeps what was sent."""

    def __init__(self, *script: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.bodies: list[Any] = []
        self._script = script
        self._silent: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for said in self._script:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.bodies.append(_read_body(connection))
            if said == SILENCE:
                self._silent.append(connection)
                continue
            connection.sendall(said)
            connection.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=60)
        for connection in self._silent:
            connection.close()


def _read_body(connection: socket.socket) -> Any:
    text = b""
    while b"\r\n\r\n" not in text:
        text += connection.recv(65536)
    head, _, body = text.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return json.loads(body) if body else None


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    servers: list[Scripted] = []

    def start(*script: bytes) -> Scripted:
        servers.append(Scripted(*script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_a_cut_submit_is_sent_again_as_the_same_job(scripted: Any) -> None:
    server = scripted(CUT, problem(503, "Unavailable", "Retry-After: 0"), answer(201, ACCEPTED))

    with Client(server.url) as client:
        assert client.submit("add", {"a": 1}).id == "0" * 32

    assert len(server.bodies) == 3
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]
    assert server.bodies[0]["idempotencyKey"].startswith("auto-")


async def test_the_async_client_does_so_too(scripted: Any) -> None:
    server = scripted(CUT, answer(201, ACCEPTED))

    async with AsyncClient(server.url) as client:
        assert (await client.submit("add", {"a": 1})).id == "0" * 32

    assert server.bodies[0] == server.bodies[1]


def test_a_batch_is_keyed_before_it_is_first_sent(scripted: Any) -> None:
    server = scripted(CUT, answer(200, {"items": [{"outcome": "created", "id": "1" * 32}]}))

    with Client(server.url) as client:
        assert [verdict.id for verdict in client.submit_many([{"task": "add"}])] == ["1" * 32]

    assert server.bodies[0] == server.bodies[1]


def test_a_rerun_keeps_its_request_id(scripted: Any) -> None:
    server = scripted(CUT, answer(200, JOB))

    with Client(server.url) as client:
        client.rerun("0" * 32)

    assert server.bodies[0] == server.bodies[1]
    assert server.bodies[0]["requestId"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (problem(409, "IdempotencyConflict"), IdempotencyConflictError),
        (problem(422, "Invalid", field="/payload"), InvalidError),
        (problem(429, "QuotaExceeded", "Retry-After: 0"), QuotaExceededError),
        (problem(403, "Forbidden"), ForbiddenError),
        (answer(200, b"<html>", kind="text/html"), TaskJobError),
        (answer(200, ["not", "a", "job"]), TaskJobError),
    ],
)
def test_what_repeating_does_not_mend_is_sent_once(scripted: Any, said: bytes, expected: type[TaskJobError]) -> None:
    server = scripted(said, answer(201, ACCEPTED))

    with Client(server.url) as client, pytest.raises(expected) as caught:
        client.submit("add")

    assert type(caught.value) is expected
    assert len(server.bodies) == 1


def test_it_gives_up_after_its_retries_and_says_that_nothing_is_known(scripted: Any) -> None:
    server = scripted(CUT, CUT, answer(201, ACCEPTED))

    with Client(server.url, retries=1) as client, pytest.raises(OutcomeUnknownError, match="broke before it answered"):
        client.submit("add")

    assert len(server.bodies) == 2


def test_a_server_that_never_answers_is_not_waited_for(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskjob.client.transport.REPLY_SECONDS", 0.2)
    server = scripted(SILENCE)
    began = time.monotonic()

    with Client(server.url, retries=0) as client, pytest.raises(OutcomeUnknownError):
        client.stats()

    assert time.monotonic() - began < 30


def test_wait_outlasts_a_server_that_is_away(scripted: Any) -> None:
    server = scripted(CUT, problem(503, "Unavailable"), answer(502, b"<html>bad gateway"), answer(200, JOB))

    with Client(server.url, retries=0) as client:
        assert client.wait("0" * 32, timeout_seconds=60).result == 3


def test_wait_for_a_server_that_stays_away_ends_with_the_reason() -> None:
    with Client("http://127.0.0.1:1", retries=0) as client, pytest.raises(CannotConnectError, match="no answer from"):
        client.wait("0" * 32, timeout_seconds=0.3)


def test_no_server_tells_what_to_do() -> None:
    with Client("http://127.0.0.1:1", retries=0) as client, pytest.raises(CannotConnectError) as caught:
        client.stats()

    assert "taskjob dev" in (caught.value.hint or "")


def test_every_code_becomes_its_class_and_an_unknown_one_that_of_its_status() -> None:
    assert error_class("IdempotencyConflict", 409) is IdempotencyConflictError
    assert error_class("SomethingNewer", 409) is ConflictError
    assert error_class("SomethingNewer", 503) is UnavailableError
    assert error_class(None, 418) is TaskJobError


def test_a_problem_keeps_everything_it_was_told() -> None:
    told = {"code": "Overloaded", "detail": "busy", "field": "/x", "hint": "later", "reason": "Why"}
    error = read_problem(429, {"retry-after": "7"}, json.dumps(told).encode())

    assert type(error) is OverloadedError
    assert (error.detail, error.field, error.hint, error.reason) == ("busy", "/x", "later", "Why")
    assert error.retry_after_seconds == 7.0
    assert read_problem(503, {"retry-after": "soon"}, b"{}").retry_after_seconds is None
    assert "HTTP 500" in read_problem(500, {}, b"oops").detail


def test_the_pause_grows_to_a_bound_and_obeys_the_server() -> None:
    error = UnavailableError()
    pauses = [pause_seconds(error, tries=tries, jitter=0.0) for tries in range(1, 12)]

    assert pauses[:3] == [FIRST_SECONDS, FIRST_SECONDS * 2, FIRST_SECONDS * 4]
    assert pauses[-1] == LONGEST_SECONDS
    assert pause_seconds(UnavailableError(retry_after_seconds=2.0), tries=1, jitter=0.5) == 2.5
    assert should_repeat(error, tries=5, retries=5)
    assert not should_repeat(error, tries=6, retries=5)
