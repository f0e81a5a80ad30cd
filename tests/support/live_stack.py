"""A real api with a memory store and a real worker, each a process, for tests that look from the outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from taskjob.client import Client

TASKS = Path(__file__).with_name("live_tasks.py")
WAIT_SECONDS = 60.0


def eventually(reached: Callable[[], Any], what: str = "", seconds: float = WAIT_SECONDS) -> Any:
    """Poll until `reached` gives something true; what it gave."""
    end = time.monotonic() + seconds
    while not (value := reached()):
        assert time.monotonic() < end, f"not reached within {seconds:g} s: {what or reached}"
        time.sleep(0.02)
    return value


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without any setting of TaskJob's, and then `variables`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKJOB_")}
    return {**kept, "TERM": "dumb", **variables}


class LiveStack:
    def __init__(self, url: str, gateway: str) -> None:
        self.url = url
        self.gateway = gateway
        self.client = Client(url, namespace="default")

    def finished(self, task: str, /, *, fields: dict[str, Any] | None = None, **payload: Any) -> Any:
        """Submit a job and wait for its end."""
        job = self.client.submit({"task": task, "payload": payload, **(fields or {})})
        return self.client.wait(job.id, timeout_seconds=WAIT_SECONDS)


@contextlib.contextmanager
def live_api(folder: Path, **settings: str) -> Iterator[tuple[str, str]]:
    """Its REST and gateway addresses. `settings` are `TASKJOB_` variables without the prefix."""
    environment = {"STORE": "memory://", "AUTH": "open", "ARTIFACTS": str(folder / "artifacts")}
    environment |= {"PORT": "0", "GATEWAY_PORT": "0"} | settings
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "taskjob_api"],
            cwd=folder,
            env=clean_environment(**{f"TASKJOB_{name}": value for name, value in environment.items()}),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        addresses = dict(process.stdout.readline().split() for _ in range(2))
        yield addresses["rest"], addresses["gateway"]
    finally:
        _end(process)


@contextlib.contextmanager
def live_worker(
    folder: Path, gateway: str, *, queues: tuple[str, ...] = ("default",), namespace: str = "default"
) -> Iterator[None]:
    words = [word for queue in queues for word in ("--queue", queue)]
    command = ["worker", str(TASKS), "--gateway", gateway, "--name", "steady", "--namespace", namespace, *words]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "taskjob.cli", *command, "--metrics-port", "0", "--drain-seconds", "1"],
            cwd=folder,
            env=clean_environment(),
            stderr=log,
        )
    try:
        yield
    finally:
        _end(process)


@contextlib.contextmanager
def live_stack(folder: Path) -> Iterator[LiveStack]:
    with live_api(folder) as (url, gateway), live_worker(folder, gateway, queues=("default", "media")):
        stack = LiveStack(url, gateway)
        eventually(stack.client.workers, "a worker")
        yield stack
        stack.client.close()


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
