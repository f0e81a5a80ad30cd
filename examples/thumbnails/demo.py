"""`make demo`: hundreds of real jobs on this machine, from nothing to finished thumbnails, in under a minute.

Starts `taskjob dev` on SQLite in a folder of its own, applies the YAML of examples/jobs, shows the progress, and
then checks what came out: every thumbnail opens, and exactly the broken files are dead letters after their
retries. With a folder as argument it uses your pictures instead: `make demo PICTURES=~/Photos`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jobs as job_documents
import pictures
from PIL import Image

from taskjob import Client
from taskjob.client import JobQuery
from taskjob.errors import TaskJobError
from taskjob.model import Phase
from taskjob.spec.yaml_reader import read_yaml

HERE = Path(__file__).parent
JOBS = HERE.parent / "jobs"
LONGEST_SECONDS = 55.0
START_SECONDS = 20.0
ATTEMPTS = 3
"""What examples/jobs/queue.yaml allows."""


class DemoFailed(Exception):  # noqa: N818 - told to a person as a sentence
    pass


def main(folder: str | None) -> int:
    work = Path(tempfile.mkdtemp(prefix="taskjob-demo-"))
    source = Path(folder).expanduser() if folder else pictures.fetch_photographs()
    names = pictures.pictures_in(source) if folder else list(pictures.PHOTOGRAPHS)
    if not names:
        print(f"No pictures in {source}.", file=sys.stderr)
        return 1
    pictures.fill_buckets(source, names, work / "pictures")
    documents = own_documents(work / "jobs", names) if folder else JOBS

    began = time.monotonic()
    try:
        with dev_server(work) as url:
            client = Client(url)
            wanted = wanted_thumbnails(documents)
            say(f"Applying {len(wanted)} jobs: taskjob apply -f {shortest(documents)}")
            apply(documents, url)
            follow(client, len(wanted), began)
            report(client, wanted, work)
    except (DemoFailed, TaskJobError) as error:
        print(f"\nThe demo failed: {error}\n\nThe end of {work / 'dev.log'}:", file=sys.stderr)
        print("".join((work / "dev.log").read_text().splitlines(keepends=True)[-30:]), file=sys.stderr)
        return 1
    say(f"Done in {time.monotonic() - began:.0f} s.")
    shutil.rmtree(work / "data")
    return 0


def own_documents(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    shutil.copy(JOBS / "queue.yaml", folder)
    job_documents.write(folder, names)
    return folder


@contextmanager
def dev_server(work: Path) -> Iterator[str]:
    """A `taskjob dev` with the thumbnail task; its address. It ends with the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "taskjob.cli", "dev", str(HERE / "tasks.py"), "--data", str(work / "data")]
    environment = {
        **os.environ,
        "THUMBNAILS_INPUT": str(work / "pictures"),
        "THUMBNAILS_OUTPUT": str(work / "thumbnails"),
    }
    say(f"Starting taskjob dev {shortest(HERE / 'tasks.py')} at {url}")
    with (work / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--gateway-port", str(free_port())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            await_worker(process, url)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def await_worker(process: subprocess.Popen[bytes], url: str) -> None:
    client = Client(url, retries=0)
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise DemoFailed("taskjob dev ended before it was ready")
        try:
            if client.workers():
                return
        except TaskJobError:
            pass
        time.sleep(0.1)
    raise DemoFailed(f"no worker was ready after {START_SECONDS:.0f} s")


def apply(documents: Path, url: str) -> None:
    command = [sys.executable, "-m", "taskjob.cli", "apply", "-f", str(documents)]
    done = subprocess.run(
        command, env={**os.environ, "TASKJOB_SERVER": url}, capture_output=True, text=True, check=False, timeout=30
    )
    if done.returncode != 0:
        raise DemoFailed(f"taskjob apply said:\n{done.stdout[-1000:]}{done.stderr[-2000:]}")


def wanted_thumbnails(documents: Path) -> dict[str, dict[str, Any]]:
    """Job name → its payload."""
    return {
        document.value["metadata"]["name"]: document.value["spec"]["payload"]
        for path in sorted(documents.glob("*.yaml"))
        for document in read_yaml(path.read_text())
        if document.value["kind"] == "TaskJob"
    }


def follow(client: Client, count: int, began: float) -> None:
    """Show the progress until every job is finished: one line that moves on a terminal, a few lines elsewhere."""
    shown = 0.0
    while True:
        counts = {queue["queue"]: queue for queue in client.stats()["queues"]}.get("thumbnails", {})
        completed, dead = counts.get("completed", 0), counts.get("deadLetter", 0)
        finished = completed + dead >= count
        if finished or time.monotonic() - shown > (0.1 if sys.stdout.isatty() else 2.0):
            shown = time.monotonic()
            bar = "#" * (30 * (completed + dead) // count)
            line = f"  [{bar:<30}] {completed} of {count} completed, {dead} dead letters"
            print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)
        if finished:
            say("")
            return
        if time.monotonic() - began > LONGEST_SECONDS:
            raise DemoFailed(f"{count - completed - dead} jobs are not finished after {LONGEST_SECONDS:.0f} s")
        time.sleep(0.1)


def report(client: Client, wanted: dict[str, dict[str, Any]], work: Path) -> None:
    """Hold the outcome against what was asked for, by name; then say where things are."""
    found = {job.shown: job for job in client.jobs(JobQuery(queue="thumbnails"))}
    if found.keys() != wanted.keys():
        raise DemoFailed(f"asked for {len(wanted)} jobs, the server has {len(found)}")
    broken = broken_pictures(work / "pictures")
    for name, payload in wanted.items():
        job = found[name]
        expected = Phase.DEAD_LETTER if (payload["bucket"], payload["picture"]) in broken else Phase.COMPLETED
        if job.phase is not expected:
            raise DemoFailed(f"{name} is {job.phase}, expected {expected}: {job.last_error}")
        if expected is Phase.COMPLETED:
            check_thumbnail(Path(job.result["file"]), payload["width"])
        elif job.attempts != ATTEMPTS:
            raise DemoFailed(f"{name} had {job.attempts} attempts, expected {ATTEMPTS}")

    dead = {name: job for name, job in sorted(found.items(), key=str) if job.phase is Phase.DEAD_LETTER}
    say(f"{len(found) - len(dead)} thumbnails, every one of them opens: {work / 'thumbnails'}")
    say(f"{len(dead)} dead letters, each after {ATTEMPTS} attempts, exactly those whose picture is broken:")
    for name, job in dead.items():
        error = job.last_error
        assert error is not None
        message = error.message.splitlines()[0].replace(str(work), "")
        payload = wanted[name]
        say(f"  {payload['picture']:<13} at {payload['width']} pixels  {error.type}: {message}")


def broken_pictures(root: Path) -> set[tuple[str, str]]:
    """(bucket, file) of every picture that cannot be decoded, found without TaskJob."""
    broken = set()
    for path in root.glob("*/*"):
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, SyntaxError):
            broken.add((path.parent.name, path.name))
    return broken


def check_thumbnail(path: Path, width: int) -> None:
    try:
        with Image.open(path) as picture:
            picture.load()
            if picture.width > width:
                raise DemoFailed(f"{path} is {picture.width} pixels wide, asked for {width}")
    except OSError as error:
        raise DemoFailed(f"the thumbnail {path} does not open: {error}") from error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def shortest(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
