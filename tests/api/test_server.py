"""A real api process over real sockets: the plain calls, hostile peers, the stop that loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from certificates import self_signed
from live_stack import eventually

from taskjob_api import rest_server


class Process:
    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.log = (folder / "api.log").open("ab")
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "taskjob_api"],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("TASKJOB_")}
            | {
                "TASKJOB_AUTH": "open",
                "TASKJOB_STORE": "sqlite:///data/taskjob.db",
                "TASKJOB_PORT": "0",
                "TASKJOB_GATEWAY_PORT": "0",
                "TASKJOB_HEALTH_PORT": "0",
            }
            | environment,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.told: dict[str, str] = {}
        assert self.popen.stdout is not None
        for _ in range(3):
            name, _, address = self.popen.stdout.readline().strip().partition(" ")
            self.told[name] = address
        self.rest = self.told.get("rest", "")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.rest.removeprefix("http://").partition(":")
        return host, int(port)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(60)

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        self.log.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    with contextlib.ExitStack() as stack:

        def start_process(**environment: str) -> Process:
            process = Process(tmp_path, **environment)
            stack.callback(process.close)
            assert process.rest, (tmp_path / "api.log").read_text()
            return process

        yield start_process


def curl(*arguments: str) -> Any:
    done = subprocess.run(["curl", "-sS", "--max-time", "60", *arguments], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_the_two_plain_curl_calls_work(start):
    process = start()

    made = curl(
        "-X",
        "POST",
        f"{process.rest}/jobs",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"payload":{"type":"demo","value":123}}',
    )
    job = curl(f"{process.rest}/jobs/{made['id']}")

    assert (job["id"], job["task"], job["payload"]) == (made["id"], "demo", {"type": "demo", "value": 123})
    assert curl(f"{process.rest}/readyz")["ready"] is True
    assert curl(process.told["health"]) == {"status": "ok"}


def test_a_stop_under_load_loses_no_acknowledged_call(start):
    process = start()
    acknowledged: list[str] = []
    refused: list[int] = []
    ready = threading.Event()

    def submit(number: int) -> None:
        with httpx2.Client(base_url=process.rest, timeout=60) as client, contextlib.suppress(httpx2.TransportError):
            while True:
                answer = client.post("/jobs", json={"task": "demo", "payload": {"n": number}})
                if answer.status_code != 201:
                    refused.append(answer.status_code)
                    return
                acknowledged.append(answer.json()["id"])
                if len(acknowledged) >= 50:
                    ready.set()

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    assert ready.wait(60)
    code = process.stop()
    for thread in threads:
        thread.join(60)

    assert code == 0
    assert set(refused) <= {503}
    again = start()
    with httpx2.Client(base_url=again.rest, timeout=60) as client:
        found = {client.get(f"/jobs/{job}").status_code for job in acknowledged}
        stats = client.get("/v1/namespaces/default/stats").json()
    assert found == {200}
    assert stats["conserved"] is True
    assert stats["queues"][0]["accepted"] >= len(acknowledged)


def test_a_stop_ends_long_polls_and_streams_with_an_answer(start):
    process = start()
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(httpx2.Client(base_url=process.rest, timeout=60))
        job = client.post("/jobs", json={"task": "demo"}).json()["id"]
        poll = stack.enter_context(socket.create_connection(process.address, timeout=60))
        poll.sendall(f"GET /jobs/{job}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        path = f"/v1/namespaces/default/jobs/{job}/events"
        stream = stack.enter_context(client.stream("GET", path))
        lines = stream.iter_lines()
        assert next(lines) == "event: job"
        assert client.get("/healthz").status_code == 200

        assert process.stop() == 0

        answer = received(poll)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["id"] == job
        assert [line.partition(":")[0] for line in lines if line and line != ": ping"] == ["id", "data"]


def test_both_ports_speak_tls_by_settings(start, tmp_path):
    certificate, key = self_signed(tmp_path)

    process = start(TASKJOB_TLS_CERTIFICATE=str(certificate), TASKJOB_TLS_KEY=str(key))

    assert process.rest.startswith("https://")
    assert curl("--cacert", str(certificate), f"{process.rest}/healthz") == {"status": "ok"}
    host, _, port = process.told["gateway"].removeprefix("tls://").partition(":")
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection((host, int(port)), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        assert secured.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize("name", ["rest", "gateway"])
def test_a_taken_port_is_told_in_words(start, name):
    process = start()
    host, _, port = process.told[name].partition("://")[2].partition(":")
    variable = {"rest": "TASKJOB_PORT", "gateway": "TASKJOB_GATEWAY_PORT"}[name]

    second = Process(process.folder, **{variable: port, "TASKJOB_STORE": "memory://"})
    code = second.popen.wait(60)
    second.close()

    assert code == 1
    assert f"cannot listen on {host}:{port}" in (process.folder / "api.log").read_text()


def test_a_bad_setting_is_told_in_words(tmp_path):
    process = Process(tmp_path, TASKJOB_PORT="http")
    code = process.popen.wait(60)
    process.close()

    assert code == 1
    assert "error: TASKJOB_PORT: expected a whole number" in (tmp_path / "api.log").read_text()


def received(connection: socket.socket) -> bytes:
    chunks = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            chunks += chunk
    return chunks


def test_hostile_heads_are_cut_off_and_honest_calls_served(start):
    process = start()
    with contextlib.ExitStack() as stack:

        def connect(data: bytes) -> socket.socket:
            connection = stack.enter_context(socket.create_connection(process.address, timeout=60))
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            return connection

        huge = connect(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (rest_server.MAX_HEAD_BYTES + 1))
        garbage = connect(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        slow = connect(b"GET /healthz HTT")

        assert not received(huge).startswith(b"HTTP/1.1 2")
        assert b"400 Bad Request" in received(garbage)
        assert curl(f"{process.rest}/healthz") == {"status": "ok"}
        assert received(slow) == b""


STUCK = """
import asyncio, sys
from taskjob_api import health_port

health_port.BEAT_SECONDS = 0.05

async def main():
    port = health_port.HealthPort("127.0.0.1", 0, stuck_seconds=1.0)
    port.start()
    print(port.port, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    sys.stdin.readline()  # the loop is stuck until the test lets it go
    await asyncio.to_thread(sys.stdin.readline)
    await port.stop()

asyncio.run(main())
"""


def test_liveness_answers_from_its_own_thread_while_the_loop_is_stuck():
    with subprocess.Popen(
        [sys.executable, "-c", STUCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        port = int(process.stdout.readline())

        def status() -> int:
            with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                return int(received(connection).split()[1])

        for expected in (200, 503, 200):
            eventually(lambda expected=expected: status() == expected, f"the answer {expected}")
            process.stdin.write("go on\n")
            process.stdin.flush()
        process.wait(60)
    assert process.returncode == 0
