"""`taskjob worker` as a person starts it: what it takes along, and what it leaves behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TOKEN = "taskjob_secret"

TASKS = """
import os
from taskjob import task
@task(executor="thread")
def seen() -> list[str]:
    return sorted(os.environ)
@task(executor="process")
def seen_by_process() -> list[str]:
    return sorted(os.environ)
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def started() -> "Iterator[list[subprocess.Popen[bytes]]]":
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.terminate()
        process.wait(60)


@pytest.fixture
def start(api, tmp_path: Path, queue: str, started: "list[subprocess.Popen[bytes]]") -> Start:
    (tmp_path / "seen_tasks.py").write_text(TASKS)

    def start(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "taskjob.cli", "worker", "seen_tasks.py", "--gateway", api.gateway]
        process = subprocess.Popen(
            [*command, "--queue", queue, "--metrics-port", "0", *options],
            cwd=tmp_path,
            env=os.environ | {"TASKJOB_TOKEN": TOKEN},
        )
        started.append(process)
        return process

    return start


def test_the_token_stands_in_no_environment_of_a_worker(start, api, queue):
    worker = start()

    for task in ("seen", "seen_by_process"):
        names = api.client.wait(api.submit(task, queue=queue), timeout_seconds=60).result
        assert "PATH" in names
        assert "TASKJOB_TOKEN" not in names
    assert TOKEN.encode() not in Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert TOKEN.encode() not in Path(f"/proc/{worker.pid}/cmdline").read_bytes()


def test_a_pod_tells_its_worker_everything_by_variables(api, queue, tmp_path, started):
    (tmp_path / "seen_tasks.py").write_text(TASKS)
    variables = {
        "TASKJOB_GATEWAY": api.gateway,
        "TASKJOB_WORKER_MODULES": "seen_tasks.py",
        "TASKJOB_WORKER_QUEUES": f"{queue},{queue}-too",
        "TASKJOB_WORKER_NAME": "pod-7",
        "TASKJOB_WORKER_CONCURRENCY": "3",
        "TASKJOB_WORKER_DRAIN_SECONDS": "20",
        "TASKJOB_WORKER_METRICS_PORT": "0",
    }
    command = [sys.executable, "-m", "taskjob.cli", "worker"]
    started.append(subprocess.Popen(command, cwd=tmp_path, env=os.environ | variables))

    ended = [api.client.wait(api.submit("seen", queue=each), timeout_seconds=60) for each in (queue, f"{queue}-too")]

    assert ["completed", "completed"] == [job.phase for job in ended]
    assert {"pod-7"} == {job.worker for job in ended}


def test_a_stop_during_the_start_is_not_lost(start, eventually):
    worker = start()
    held_back = 1 << (signal.SIGTERM - 1)
    eventually(lambda: _blocked(worker.pid) & held_back, "SIGTERM is held back")
    worker.terminate()

    assert 0 == worker.wait(60)


def _blocked(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("SigBlk:")).split()[1], 16)


def test_settings_of_any_size_reach_the_worker(start, api, queue, tmp_path):
    commands = tmp_path / "commands.toml"
    programs = (f'[commands.c{number}]\nargv = ["/bin/true", "{"x" * 1000}"]\n' for number in range(200))
    commands.write_text("".join(programs))

    start("--commands", str(commands))

    assert api.client.wait(api.submit("c199", queue=queue), timeout_seconds=60).phase == "completed"
