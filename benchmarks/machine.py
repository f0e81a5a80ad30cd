"""What a figure was measured on: printed above every table, because a number without it says nothing."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path


def describe(folder: Path) -> list[str]:
    """Lines of hardware, file system and versions. `folder` is where the stores under test live."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    device = subprocess.run(
        ["df", "--output=fstype,source", str(folder)], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    packages = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "uvicorn", "msgspec", "huey", "saq"))
    return [
        f"cpu: {cpu}, {os.cpu_count()} cores; kernel {platform.release()}",
        f"file system of the stores: {' '.join(device.split())}",
        f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {packages}",
    ]


def refuse_tmpfs(folder: Path) -> None:
    """A durable figure on a file system without a disk is a lie."""
    kind = subprocess.run(
        ["df", "--output=fstype", str(folder)], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    if kind in {"tmpfs", "ramfs", "overlay"}:
        raise SystemExit(f"{folder} is on {kind}; name a folder on a real disk: --folder")


def refuse_missing(commands: dict[str, str]) -> None:
    """Say before the first figure what the peers and the load need; `commands` maps each to its Debian package."""
    missing = [package for command, package in commands.items() if shutil.which(command) is None]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}; on Debian: apt-get install {' '.join(missing)}")


def fsync_microseconds(folder: Path, rounds: int = 200) -> float:
    """The cost of one durable 4 KiB append on this disk: the floor below every durable figure."""
    path = folder / "fsync.probe"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        begun = time.perf_counter()
        for _ in range(rounds):
            os.write(handle, b"x" * 4096)
            os.fdatasync(handle)
        return (time.perf_counter() - begun) / rounds * 1e6
    finally:
        os.close(handle)
        path.unlink()
