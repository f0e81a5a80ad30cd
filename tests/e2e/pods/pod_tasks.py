"""Tasks that are mounted into worker pods."""

import time
from pathlib import Path

from taskjob import task


@task
def nap(seconds: float = 0.2) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)


@task
def eat(mib: int = 4096) -> int:
    """More memory than the container may have, touched page by page."""
    return len([b"x" * 2**20 for _ in range(mib)])


@task
def fill(folder: str, mib: int = 64) -> None:
    """More of a folder than the pod may have, and then wait for what comes of it."""
    with (Path(folder) / "full").open("wb") as file:
        file.writelines(b"x" * 2**20 for _ in range(mib))
    time.sleep(600)
