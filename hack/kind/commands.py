"""Running other programs: each has a limit of time, ends when we do, and is known as ours."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import places

# In the environment of every process that the set-up starts, and so of those which they start: how `down` finds what
# a killed `up` has left.
MARK = "TASKJOB_KIND_STARTED_FOR"

PR_SET_PDEATHSIG = 1


class Missing(Exception):  # noqa: N818 - reads as what it says
    """Something that cannot be done here; the message says what is missing and how to mend it."""


class Failed(Exception):  # noqa: N818
    """A program that ended with an error, and the end of what it said."""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, MARK: str(places.state()), **more}


def run(
    *command: str | Path,
    seconds: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    show: bool = False,
    stdin: IO[bytes] | None = None,
) -> str:
    """The program's output. Raises Failed when it fails or takes longer. With `show` it writes to the terminal."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env=environment() if env is None else env,
            cwd=cwd,
            stdin=stdin or subprocess.DEVNULL,
            stdout=sys.stderr if show else subprocess.PIPE,
            stderr=None if show else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            preexec_fn=end_with_parent,
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{words[0]} took longer than {seconds:.0f} s: {' '.join(words)}") from late
    except FileNotFoundError as absent:
        raise Failed(f"{words[0]} is not installed") from absent
    if done.returncode:
        said = "" if show else "\n".join(f"{done.stdout}\n{done.stderr}".strip().splitlines()[-20:])
        raise Failed(f"exit {done.returncode}: {' '.join(words)}\n{said}".strip())
    return done.stdout or ""


def succeeds(*command: str | Path, seconds: float, env: Mapping[str, str] | None = None) -> bool:
    try:
        run(*command, seconds=seconds, env=env)
    except Failed:
        return False
    return True


def daemon(command: Sequence[str | Path], log: Path) -> None:
    """Start a program that outlives us."""
    with log.open("ab") as output:
        subprocess.Popen(
            [str(word) for word in command],
            env=environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def end_with_parent() -> None:
    """In the child: a `kind create` or a compiler does not go on when the set-up is killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
