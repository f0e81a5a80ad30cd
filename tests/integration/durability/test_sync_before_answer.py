"""G1, seen from the kernel: the flush of the store has returned before the first byte of a 2xx is written.

`kill -9` cannot show this (unsynced pages survive it), so the api runs under strace and its system calls are read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskjob.cli.dev.ports import free_port

CALL = re.compile(r"^(?P<pid>\d+) +(?P<at>\d+\.\d+) (?P<call>.*)$")
SYNC_RETURNED = re.compile(
    r"(?:fdatasync|fsync)\((?P<fd>\d+)<(?P<path>[^>]*)>\)\s+= 0|<\.\.\. (?:fdatasync|fsync) resumed>\)\s+= 0"
)
ANSWERED = re.compile(r"^(?:write|writev|sendto|sendmsg)\(.*HTTP/1\.1 201")


@contextlib.contextmanager
def traced_api(folder: Path) -> Iterator[tuple[str, Path]]:
    trace, port = folder / "trace", free_port()
    store = ["--store", f"sqlite:///{folder}/taskjob.db", "--artifacts", f"{folder}/artifacts"]
    process = subprocess.Popen(
        [
            "strace",
            *("-f", "-y", "-ttt", "-s", "24", "-o", str(trace)),
            *("-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg"),
            *(sys.executable, "-m", "taskjob.cli", "api", "--open"),
            *store,
            *("--port", str(port), "--gateway-port", str(free_port())),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        yield url, trace
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),  # what urllib raises, time-outs too
            urllib.request.urlopen(f"{url}/readyz", timeout=5),
        ):
            return
        time.sleep(0.1)
    pytest.fail("the api under strace did not become ready")


def submit(url: str, number: int) -> str:
    body = json.dumps({"task": "any", "payload": {"number": number}}).encode()
    request = urllib.request.Request(f"{url}/jobs", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        assert reply.status == 201
        identifier: str = json.load(reply)["id"]
        return identifier


def events(trace: Path) -> list[str]:
    """The order in which flushes of the store returned ("sync") and 201s began to be written ("answer")."""
    syncing: dict[str, str] = {}
    seen = []
    for line in trace.read_text(errors="replace").splitlines():
        found = CALL.match(line)
        if found is None:
            continue
        pid, call = found["pid"], found["call"]
        if call.startswith(("fdatasync(", "fsync(")):
            syncing[pid] = call
        if SYNC_RETURNED.search(call) and "taskjob.db" in (call if "resumed" not in call else syncing.get(pid, "")):
            seen.append("sync")
        if ANSWERED.match(call):
            seen.append("answer")
    return seen


def told(trace: Path, *, answers: int) -> list[str]:
    """The events once so many answers are among them: strace writes them down a little later."""
    deadline = time.monotonic() + 60
    while (order := events(trace)).count("answer") < answers:
        assert time.monotonic() < deadline, order
        time.sleep(0.02)
    return order


@pytest.mark.uncovered
def test_g1_the_flush_returns_before_the_answer_is_written(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    with traced_api(tmp_path) as (url, trace):
        jobs = [submit(url, number) for number in range(21)]
        order = told(trace, answers=21)

    assert 21 == len(set(jobs))
    order = order[order.index("answer") + 1 :]  # flushes of the start went before the first
    # One client, one call at a time: between two answers at least one flush must have returned.
    unsynced = [at for at, event in enumerate(order) if event == "answer" and (at == 0 or order[at - 1] != "sync")]
    assert [] == unsynced
