"""The data folder of `taskjob dev`: one owner at a time, and emptied only of what is ours."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from taskjob.errors import ConflictError, InvalidError

_LOCK = "dev.lock"


class DataFolder:
    """Held from `take` until the process ends or `release`; the kernel frees the lock of a killed owner."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: IO[str] | None = None

    @property
    def database(self) -> Path:
        return self.path / "taskjob.db"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    def take(self) -> None:
        """Raises `ConflictError` naming the process that holds it, `InvalidError` if it cannot be made."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = (self.path / _LOCK).open("a+", encoding="utf-8")
        except OSError as error:
            raise InvalidError(
                f"the data folder {self.path} cannot be used: {error.strerror}", hint="name another with --data"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            lock.close()
            raise ConflictError(
                f"another `taskjob dev` runs on {self.path}: {owner}",
                hint="use that one, stop it, or start this one elsewhere: taskjob dev --data FOLDER --port PORT",
            ) from None
        self._lock = lock

    def sign(self, url: str) -> None:
        """Say who holds the folder, for the message that a second `dev` prints."""
        assert self._lock is not None
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(f"pid {os.getpid()}, {url}")
        self._lock.flush()

    def contents(self) -> list[Path]:
        """What `reset` would delete: the database with its side files, and the artifacts."""
        return sorted([*self.path.glob("taskjob.db*"), *self.path.glob("artifacts")])

    def reset(self) -> None:
        for path in self.contents():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
