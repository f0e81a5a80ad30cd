"""Waiting for each other: two set-ups on one machine must not start an engine, or make the same artefact, at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import places
from commands import say

_held: set[Path] = set()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Until the block or the process ends. Within it, locking the same folder again is free."""
    path = folder / "lock"
    if path in _held:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Waiting for another set-up (it holds {path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def machine() -> Path:
    """Held while an engine or a cluster comes or goes."""
    return places.state().parent


def cache() -> Path:
    """Held while an artefact is made, which can take minutes; who needs none of it does not wait."""
    return places.CACHE
