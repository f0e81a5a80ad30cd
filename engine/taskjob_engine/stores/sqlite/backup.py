"""A consistent copy of a running store: one read snapshot, compacted, flushed, then put in its place by a rename."""

from __future__ import annotations

import os
from pathlib import Path

from taskjob.errors import InvalidError
from taskjob_engine.stores.sqlite.connection import open_reader
from taskjob_engine.stores.sqlite.filesystem import make_private


def backup(path: Path, target: Path) -> None:
    """`InvalidError` where the target exists or its folder does not."""
    if target.exists() or not target.parent.is_dir():
        raise InvalidError(
            f"cannot write a backup to {target}", hint="name a file that does not exist yet, in a folder that does"
        )
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    # VACUUM INTO accepts a file that is empty, and keeps its mode.
    make_private(part)
    connection = open_reader(path)
    try:
        # The connection stays read-only by its mode; this pragma would forbid writing the copy as well.
        connection.execute("PRAGMA query_only = 0")
        connection.execute("VACUUM INTO ?", (str(part),))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        connection.close()
    _flush(part)
    part.rename(target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
