"""Api, worker and job in one process tree: `python examples/simple_task.py`.

In real life the three live apart: `taskjob dev` (or a cluster) runs api and worker, and your program only submits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

if missing := [name for name in ("taskjob", "fastapi", "uvicorn", "click") if find_spec(name) is None]:
    sys.exit(f"not installed: {', '.join(missing)}. Next: pip install 'taskjob[dev]'")

from taskjob import Client, Context, task


@task
def count_words(text: str, ctx: Context) -> dict[str, int]:
    """The job: runs in the worker, is retried when it raises, and what it returns is kept."""
    ctx.log("counting %d characters", len(text))
    words = text.lower().split()
    return {word: words.count(word) for word in sorted(set(words))}


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_api(folder) as (url, gateway),
        running_worker(gateway),
        Client(url) as client,
    ):
        job = client.submit(count_words, {"text": "the more the merrier"})
        print(f"submitted {job.id}")
        print(f"result    {client.result(job.id, timeout_seconds=30)}")
        print(f"log       {''.join(piece.text for piece in client.logs(job.id)).strip()}")


@contextmanager
def running_api(folder: str) -> Iterator[tuple[str, str]]:
    """REST and gateway on free ports, jobs in a SQLite file; yields the two addresses."""
    settings = {
        "TASKJOB_STORE": f"sqlite:///{folder}/taskjob.db",
        "TASKJOB_ARTIFACTS": f"{folder}/artifacts",
        "TASKJOB_PORT": "0",
        "TASKJOB_GATEWAY_PORT": "0",
        "TASKJOB_AUTH": "open",
    }
    command = [sys.executable, "-m", "taskjob_api"]
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as api:
        assert api.stdout is not None
        told = dict(line.split() for line in (api.stdout.readline(), api.stdout.readline()) if line)
        if len(told) < 2:
            sys.exit("the api did not start; try `taskjob dev` to see why")
        try:
            yield told["rest"], told["gateway"]
        finally:
            api.terminate()


@contextmanager
def running_worker(gateway: str) -> Iterator[None]:
    """A worker for the tasks of this very file."""
    options = ["--gateway", gateway, "--metrics-port", "0"]
    command = [sys.executable, "-m", "taskjob.cli", "worker", __file__, *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as worker:
        try:
            yield
        finally:
            worker.terminate()


if __name__ == "__main__":
    main()
