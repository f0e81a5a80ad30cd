"""`taskjob worker` as a person starts it: what it takes along, and what it leaves behind."""

import os
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
def start(api, tmp_path: Path, queue: str) -> Iterator[Start]:
    (tmp_path / "seen_tasks.py").write_text(TASKS)
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "taskjob.cli", "worker", "seen_tasks.py", "--gateway", api.gateway]
        process = subprocess.Popen(
            [*command, "--queue", queue, "--metrics-port", "0", *options],
            cwd=tmp_path,
            env=os.environ | {"TASKJOB_TOKEN": TOKEN},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


def test_the_token_stands_in_no_environment_of_a_worker(start, api, queue):
    worker = start()

    for task in ("seen", "seen_by_process"):
        names = api.client.wait(api.submit(task, queue=queue), timeout_seconds=20).result
        assert "PATH" in names
        assert "TASKJOB_TOKEN" not in names
    assert TOKEN.encode() not in Path(f"/proc/{worker.pid}/environ").read_bytes()
    assert TOKEN.encode() not in Path(f"/proc/{worker.pid}/cmdline").read_bytes()


def test_settings_of_any_size_reach_the_worker(start, api, queue, tmp_path):
    commands = tmp_path / "commands.toml"
    programs = (f'[commands.c{number}]\nargv = ["/bin/true", "{"x" * 1000}"]\n' for number in range(200))
    commands.write_text("".join(programs))

    start("--commands", str(commands))

    assert api.client.wait(api.submit("c199", queue=queue), timeout_seconds=20).phase == "completed"
