"""Other processes and file systems around a test, real ones; each is gone when its context ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def process_running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process that runs `code` and has printed its first line. Killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A real file system of a few megabytes at `folder`."""
    _require_root()
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """`folder` as it stands, on a file system that is mounted read-only."""
    _require_root()
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def _require_root() -> None:
    if sys.platform == "linux" and os.geteuid() == 0:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("needs Linux and root, to mount file systems")
    pytest.skip("needs Linux and root, to mount file systems")
