"""`taskjob dev` as people run it: a process in a folder, looked at from outside."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_stack import WAIT_SECONDS, clean_environment, eventually, live_api

from taskjob.client import Client
from taskjob.errors import CannotConnectError, NotFoundError
from taskjob.model import Phase

TASKS = """\
import asyncio
import time
from taskjob import task, Context

@task
def hello(name: str = "you") -> str:
    return f"hello {name}"

@task
def slow(seconds: float, ctx: Context) -> str:
    ctx.log("begun")
    time.sleep(seconds)
    return "old code"

@task
async def patient(seconds: float) -> None:
    await asyncio.sleep(seconds)
"""


class Dev:
    """A running `taskjob dev`; `heard` waits for a line of its log."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "taskjob.cli", "dev", "--port", "0", *arguments],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log = ""
        self._clients: list[Client] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def heard(self, pattern: str) -> re.Match[str]:
        """The first line, not yet heard, that the pattern is found in."""
        end = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not said: {pattern}\n{self.log}") from None
            assert line is not None, f"ended without saying: {pattern}\n{self.log}"
            self.log += line
            if found := re.search(pattern, line):
                return found

    def client(self) -> Client:
        self._clients.append(Client(self.heard(r"REST +(\S+) +open to this machine")[1], namespace="default"))
        return self._clients[-1]

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=60)
        while (line := self._lines.get(timeout=60)) is not None:
            self.log += line
        return code

    def close(self) -> None:
        for client in self._clients:
            client.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "tasks.py").write_text(TASKS)
    started: list[Dev] = []

    def start(*arguments: str) -> Dev:
        started.append(Dev(tmp_path, *arguments))
        return started[-1]

    yield start
    for dev in started:
        dev.close()


def _children_of(pid: int) -> list[int]:
    """All descendants, by the kernel's own list."""
    direct: list[int] = []
    with contextlib.suppress(OSError):  # it has ended meanwhile
        direct = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [found for child in direct for found in (child, *_children_of(child))]


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_says_where_everything_is_runs_a_job_and_stops_on_ctrl_c(start: Any, tmp_path: Path) -> None:
    dev = start()
    client = dev.client()
    assert dev.heard(r"gateway +(tcp://127\.0\.0\.1:\d+)")
    assert dev.heard(r"data +(\S+)")[1] == str(tmp_path / ".taskjob")
    assert dev.heard(r"tasks +(.+)")[1] == "hello, slow, patient (from tasks.py)"
    assert dev.heard(rf"export TASKJOB_SERVER={client.target.server}")
    assert dev.heard(r"taskjob submit hello")
    assert dev.heard(r"Ctrl-C")
    family = _children_of(dev.process.pid)

    assert client.result(client.submit("hello", {"name": "Ada"}).id, timeout_seconds=WAIT_SECONDS) == "hello Ada"
    assert dev.stop() == 0

    assert "stopped; data is kept" in dev.log
    assert "Traceback" not in dev.log
    eventually(lambda: not [pid for pid in family if _alive(pid)], "all children gone")


def test_reset_deletes_jobs_when_told_twice_and_nothing_else(start: Any, tmp_path: Path, taskjob: Any) -> None:
    dev = start()
    job = dev.client().submit("hello")
    assert dev.stop(signal.SIGTERM) == 0

    asked = taskjob("dev", "--reset")
    assert asked.returncode == 130
    assert f"{tmp_path}/.taskjob/taskjob.db" in asked.stderr
    assert "delete them?" in asked.stderr
    (tmp_path / ".taskjob/mine.txt").write_text("not yours to delete")
    dev = start("--reset", "-y")
    client = dev.client()
    with pytest.raises(NotFoundError):
        client.get(job.id)
    assert (tmp_path / ".taskjob/mine.txt").exists()


def test_a_second_dev_on_the_same_data_is_told_who_has_it(start: Any, taskjob: Any) -> None:
    dev = start()
    client = dev.client()

    second = taskjob("dev", "--port", "0")

    assert second.returncode == 6
    assert f"pid {dev.process.pid}, {client.target.server}" in second.stderr
    assert "next: use that one, stop it, or start this one elsewhere" in second.stderr


def test_a_taken_port_is_named_with_its_holder(taskjob: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = taskjob("dev", "--port", str(port))

    assert done.returncode == 6
    assert f"port {port} is taken" in done.stderr
    if sys.platform.startswith("linux"):
        assert f"pid {os.getpid()}" in done.stderr
    assert "taskjob dev --port" in done.stderr


def test_a_reload_interrupts_no_job(start: Any, tmp_path: Path) -> None:
    dev = start()
    client = dev.client()
    running = client.submit("slow", {"seconds": 3})
    eventually(lambda: client.get(running.id).started_at, "started")
    dev.heard("Ctrl-C")

    (tmp_path / "tasks.py").write_text(TASKS.replace("hello {name}", "good day {name}").replace("old code", "new code"))
    dev.heard(r"tasks\.py changed: reloading the worker")
    dev.heard(r"reloaded in .* tasks hello, slow, patient")

    assert client.result(client.submit("hello").id, timeout_seconds=WAIT_SECONDS) == "good day you"
    done = client.wait(running.id, timeout_seconds=WAIT_SECONDS)
    assert done.result == "old code"
    assert (done.attempts, done.interruptions, done.lost, done.deliveries) == (1, 0, 0, 1)


def test_code_that_does_not_load_keeps_the_old_worker(start: Any, tmp_path: Path) -> None:
    dev = start()
    client = dev.client()
    dev.heard("Ctrl-C")

    (tmp_path / "tasks.py").write_text(TASKS + "def broken(:\n")
    dev.heard(r"SyntaxError")
    dev.heard(r"tasks\.py does not load .* the worker that runs goes on with the old code")
    assert client.result(client.submit("hello").id, timeout_seconds=WAIT_SECONDS) == "hello you"

    (tmp_path / "tasks.py").write_text(TASKS.replace("hello {name}", "mended {name}"))
    dev.heard(r"reloaded in")
    assert client.result(client.submit("hello").id, timeout_seconds=WAIT_SECONDS) == "mended you"


def test_code_that_never_loaded_is_waited_for(start: Any, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("import nothing_of_this_name\n")
    dev = start()
    client = dev.client()
    dev.heard(r"none: tasks\.py does not load")

    (tmp_path / "tasks.py").write_text(TASKS)
    dev.heard(r"reloaded in")

    assert client.result(client.submit("hello").id, timeout_seconds=WAIT_SECONDS) == "hello you"


def test_a_new_queue_is_served(start: Any) -> None:
    client = start().client()

    assert client.result(client.submit("hello", queue="fresh").id, timeout_seconds=WAIT_SECONDS) == "hello you"


def test_killed_parts_come_back_and_no_job_is_lost(start: Any) -> None:
    dev = start()
    client = dev.client()
    dev.heard("Ctrl-C")
    job = client.submit("hello", queue="default")
    client.wait(job.id, timeout_seconds=WAIT_SECONDS)

    for part in ("api", "worker"):
        (shim,) = [
            pid
            for pid in _children_of(dev.process.pid)
            if f"dev.child\0{part}\0" in Path(f"/proc/{pid}/cmdline").read_text()
        ]
        os.killpg(shim, signal.SIGKILL)
        dev.heard(rf"the {part} stopped \(killed by SIGKILL\); starting it again")
        eventually(lambda: _result(client, "hello"), f"a job after the {part} came back")

    assert client.get(job.id).phase is Phase.COMPLETED


def _result(client: Client, task: str) -> Any:
    """None while nobody listens."""
    with contextlib.suppress(CannotConnectError):
        return client.result(client.submit(task).id, timeout_seconds=WAIT_SECONDS)
    return None


def test_nothing_outlives_a_supervisor_that_is_killed(start: Any) -> None:
    dev = start()
    dev.heard("Ctrl-C")
    family = _children_of(dev.process.pid)
    assert len(family) >= 4

    os.kill(dev.process.pid, signal.SIGKILL)

    eventually(lambda: not [pid for pid in family if _alive(pid)], "all children gone")


def test_without_tasks_the_demo_task_answers(start: Any, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").unlink()
    dev = start()
    client = dev.client()
    dev.heard(r"tasks +demo \(from the built-in demo\)")

    job = client.submit({"payload": {"type": "demo", "value": 123}})

    assert client.result(job.id, timeout_seconds=WAIT_SECONDS) == {"echo": {"type": "demo", "value": 123}}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nowhere.py", "there is no file nowhere.py"),
        ("no_such_module_here", "there is no module 'no_such_module_here'"),
    ],
)
def test_a_target_that_is_not_there(taskjob: Any, target: str, said: str) -> None:
    done = taskjob("dev", target)

    assert done.returncode == 3
    assert said in done.stderr


def test_other_systems_are_refused_in_words() -> None:
    program = "import sys\nfrom taskjob.cli.app import run\nsys.platform = 'win32'\nrun(['dev'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "runs on Linux and macOS, not on win32" in done.stderr


def test_a_second_ctrl_c_hands_the_running_job_back(start: Any, tmp_path: Path) -> None:
    dev = start()
    client = dev.client()
    dev.heard("Ctrl-C")
    job = client.submit("patient", {"seconds": 60})
    eventually(lambda: client.get(job.id).started_at, "started")

    dev.process.send_signal(signal.SIGINT)
    dev.heard("stopping: running jobs may finish")
    assert dev.stop() == 0
    assert "still runs jobs: handing them back" in dev.log

    with live_api(tmp_path, STORE=f"sqlite:///{tmp_path}/.taskjob/taskjob.db") as (url, _), Client(url) as later:
        after = later.get(job.id)
    assert after.phase is Phase.QUEUED
    assert (after.attempts, after.lost, after.interruptions) == (0, 0, 1)
