"""One process owns a store for as long as it lives: a lock file held by flock, freed by the kernel with the process."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from taskjob_engine.errors import StoreRefusedError


class Ownership:
    """Held from construction until `release` (safe to call twice). Raises `StoreRefusedError` AlreadyOpen."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        try:
            self._file: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreRefusedError(
                f"cannot write beside {database}: {error.strerror}",
                reason="ReadOnly",
                hint="give this user write access to the folder, or name another one",
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            if error.errno not in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}:
                raise
            raise StoreRefusedError(
                f"{database} is in use by another process",
                reason="AlreadyOpen",
                hint="a SQLite store has exactly one owner: stop the other `taskjob dev` or api, or name another file",
            ) from error

    def had_store(self) -> bool:
        """Whether a store was once made beside this lock, so that its file's absence is a loss and no beginning."""
        return self._file is not None and os.fstat(self._file).st_size > 0

    def mark_store(self) -> None:
        if self._file is not None and not self.had_store():
            os.write(self._file, b"A TaskJob store belongs here. Delete this file only together with it.\n")

    def release(self) -> None:
        # The file stays: unlinking it would let two processes lock two different files of the same name.
        if self._file is not None:
            os.close(self._file)
            self._file = None
