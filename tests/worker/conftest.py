"""Real processes: an api on a free port with a memory store, and workers of a module of tasks."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taskjob.client import Client
from taskjob_worker.settings import WorkerSettings

WAIT_SECONDS = 60.0
TASKS = Path(__file__).parent / "sample_tasks.py"


def eventually(reached: Callable[[], Any], what: str = "", seconds: float = WAIT_SECONDS) -> Any:
    """Poll until `reached` gives something true; what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = reached()
        if value:
            return value
        assert time.monotonic() < end, f"not reached within {seconds} s: {what or reached}"
        time.sleep(0.02)


class Api:
    def __init__(
        self,
        folder: Path,
        *,
        ttl_seconds: float = 15.0,
        port: int = 0,
        gateway_port: int = 0,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self.folder = folder
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TASKJOB_")}
        environment |= {
            "TASKJOB_STORE": f"sqlite:///{folder}/taskjob.db",
            "TASKJOB_AUTH": "open",
            "TASKJOB_ARTIFACTS": str(folder / "artifacts"),
            "TASKJOB_PORT": str(port),
            "TASKJOB_GATEWAY_PORT": str(gateway_port),
            "TASKJOB_SESSION_TTL_SECONDS": str(ttl_seconds),
        }
        if certificate is not None:
            environment |= {
                "TASKJOB_TLS_CERTIFICATE": str(certificate[0]),
                "TASKJOB_TLS_KEY": str(certificate[1]),
            }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "taskjob_api"], cwd=folder, env=environment, stdout=subprocess.PIPE, bufsize=0
        )
        addresses = dict(_line(self.process).split() for _ in range(2))
        self.url = addresses["rest"]
        self.gateway = addresses["gateway"]
        self.client = Client(self.url)

    def submit(self, task: str, payload: dict[str, Any] | None = None, **fields: Any) -> str:
        return self.client.submit({"task": task, "payload": payload or {}, **fields}).id

    def job(self, job_id: str) -> Any:
        return self.client.get(job_id)

    def reaches(self, job_id: str, *phases: str, seconds: float = WAIT_SECONDS) -> Any:
        def look() -> Any:
            job = self.job(job_id)
            return job if job.phase in phases else None

        return eventually(look, f"job {job_id} in {phases}, is {self.job(job_id)}", seconds)

    def log(self, job_id: str) -> str:
        return "".join(piece.text for piece in self.client.logs(job_id))

    def stop(self) -> None:
        self.client.close()
        _end(self.process)


class Worker:
    def __init__(self, folder: Path, gateway: str, *, module: Path = TASKS, **settings: Any) -> None:
        chosen = WorkerSettings(
            **{"modules": (str(module),), "gateway": gateway, "metrics_port": 0, "grace_seconds": 0.5} | settings
        )
        read, write = os.pipe()
        os.write(write, msgspec.json.encode(chosen))
        os.close(write)
        self.stderr_path = folder / f"worker-{time.monotonic_ns()}.log"
        with self.stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "taskjob_worker", str(read)], pass_fds=[read], cwd=folder, stderr=stderr
            )
        os.close(read)

    @property
    def log(self) -> str:
        return self.stderr_path.read_text()

    @property
    def inner_pid(self) -> int:
        """The process that runs the tasks, a child of the guardian."""

        def children() -> list[int]:
            path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            return [int(pid) for pid in path.read_text().split()]

        return eventually(children, "a worker process")[0]

    def connected(self) -> Worker:
        eventually(lambda: "session" in self.log, f"a session; {self.log}")
        return self

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        return self.process.wait(seconds)

    def stop(self) -> None:
        _end(self.process)


def _line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], WAIT_SECONDS)
    assert readable, "the api said nothing"
    return process.stdout.readline().decode()


def _end(process: subprocess.Popen[bytes]) -> None:
    """As a person would: ask, ask again to hurry it, and only then kill; what is killed tells no coverage."""
    for ask, seconds in ((process.terminate, 2.0), (process.terminate, WAIT_SECONDS), (process.kill, WAIT_SECONDS)):
        ask()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            break
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture(scope="session", name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def worker_class() -> type[Worker]:
    return Worker


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Shared by all tests of a file that do it no harm; each has a queue of its own there."""
    started = Api(tmp_path_factory.mktemp("api"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def quick_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """With leases of six seconds."""
    started = Api(tmp_path_factory.mktemp("quick-api"), ttl_seconds=6.0)
    yield started
    started.stop()


@pytest.fixture
def queue() -> str:
    return f"q-{secrets.token_hex(6)}"


@pytest.fixture
def start_api(tmp_path: Path) -> Iterator[Callable[..., Api]]:
    started: list[Api] = []

    def start(**options: Any) -> Api:
        started.append(Api(tmp_path, **options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def start(gateway: str, **settings: Any) -> Worker:
        started.append(Worker(tmp_path, gateway, **settings))
        return started[-1].connected()

    yield start
    for each in started:
        each.stop()
