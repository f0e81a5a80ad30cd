"""What the guardian says of a worker that died: seen from the other end of its connection."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from taskjob.wire.codec import encode_line
from taskjob.wire.messages import Welcome, Witness

SESSION = "5d0c1f6a9be14f0f8a3a6b1c2d3e4f50"


@pytest.fixture
def gateway():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def said(gateway: socket.socket) -> tuple[socket.socket, dict]:
    """The next connection, and its first message."""
    connection, _ = gateway.accept()
    connection.settimeout(60)
    return connection, msgspec.json.decode(connection.makefile("rb").readline())


def test_a_death_is_told_with_session_and_epoch_before_the_next_worker_comes(gateway, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from taskjob import task\n\n@task\ndef nap() -> None: ...\n")
    port = gateway.getsockname()[1]
    command = [sys.executable, "-m", "taskjob.cli", "worker", "tasks.py", "--gateway", f"tcp://127.0.0.1:{port}"]
    with subprocess.Popen([*command, "--metrics-port", "0"], cwd=tmp_path, stderr=subprocess.DEVNULL) as guardian:
        try:
            worker, register = said(gateway)
            welcome = Welcome(
                protocol=1,
                session=SESSION,
                epoch=3,
                namespace="default",
                ttl_seconds=15,
                heartbeat_seconds=5,
                witness=Witness(incarnation="0" * 32, seq=1),
            )
            worker.sendall(encode_line(welcome))
            worker.makefile("rb").readline()  # it asks for work: it has told its guardian of the session by now

            os.kill(register["process"]["pid"], signal.SIGKILL)

            beside, news = said(gateway)
            beside.close()
            successor, again = said(gateway)
            worker.close()
            successor.close()
        finally:
            guardian.kill()

    assert news == {"type": "renew", "session": SESSION, "epoch": 3, "dead": True}
    assert again["type"] == "register"
