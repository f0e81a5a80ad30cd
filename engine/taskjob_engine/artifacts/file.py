"""Artifacts as files under one directory, for the laptop and single-node set-ups.

An object appears whole or not at all and survives a power cut once `put` returned. Every path is walked from the
root's descriptor without following links, so that nothing planted in the directory leads out of it. Blocking calls
run in small pools of their own: a slow disk delays artifacts, never heartbeats, and reading delays no settle.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from taskjob.errors import UnavailableError
from taskjob_engine.artifacts import ArtifactInfo, check_key, check_prefix

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_THREADS = 4
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FileArtifactStore:
    """The `ArtifactStore` of a `file://` URL. Files are readable by their owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._root_fd = -1
        self._writers = ThreadPoolExecutor(_THREADS, thread_name_prefix="artifacts")
        self._readers = ThreadPoolExecutor(_THREADS, thread_name_prefix="artifacts-read")

    async def open(self) -> None:
        await self._run(self._open)

    async def close(self) -> None:
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._writers.shutdown)
        if self._root_fd >= 0:
            os.close(self._root_fd)
            self._root_fd = -1

    async def put(self, key: str, data: bytes) -> bool:
        return await self._run(self._put, check_key(key), data)

    async def get(self, key: str) -> bytes | None:
        return await self._run(self._get, check_key(key), pool=self._readers)

    async def list_prefix(self, prefix: str, *, after: str = "") -> list[ArtifactInfo]:
        return await self._run(self._list, check_prefix(prefix), after, pool=self._readers)

    async def delete_prefix(self, prefix: str) -> int:
        return await self._run(self._delete, check_prefix(prefix))

    async def sweep(self, prefixes: Sequence[str]) -> list[bool]:
        return await self._run(self._sweep, [check_prefix(prefix) for prefix in prefixes])

    async def _run(self, call: Callable[..., _T], *args: object, pool: ThreadPoolExecutor | None = None) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool or self._writers, call, *args)
        except OSError as error:
            raise _unavailable(error, self._root) from error
        except RuntimeError as error:  # the pool is shut down
            raise UnavailableError("the artifact store is closed") from error

    def _open(self) -> None:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root_fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _put(self, key: str, data: bytes) -> bool:
        *folders, name = key.split("/")
        with self._folder(folders, create=True) as folder:
            if _exists(name, folder):
                return False
            draft = f".draft-{secrets.token_hex(8)}"
            try:
                _write(draft, folder, data)
                # A link, not a rename: it fails where the name exists, so the first writer wins.
                os.link(draft, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                return False
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=folder)
            os.fsync(folder)
            return True

    def _get(self, key: str) -> bytes | None:
        *folders, name = key.split("/")
        try:
            with self._folder(folders) as folder:
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                with os.fdopen(file, "rb") as stream:
                    return stream.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def _list(self, prefix: str, after: str) -> list[ArtifactInfo]:
        *folders, name = prefix.split("/")
        try:
            with self._folder(folders) as folder:
                return sorted(_files(name, prefix, folder, after), key=lambda info: info.key)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _delete(self, prefix: str) -> int:
        *folders, name = prefix.split("/")
        try:
            with self._folder(folders) as folder:
                count = _remove(name, folder)
                os.fsync(folder)
                return count
        except (FileNotFoundError, NotADirectoryError):
            return 0

    def _sweep(self, prefixes: Sequence[str]) -> list[bool]:
        """All in one call: most jobs leave nothing, and looking must cost less than changing threads."""
        return [self._is_swept(prefix) for prefix in prefixes]

    def _is_swept(self, prefix: str) -> bool:
        try:
            self._delete(prefix)
        except OSError as error:
            log.warning("the artifacts under %s stay for now: %s", prefix, error.strerror)
            return False
        return True

    @contextmanager
    def _folder(self, names: list[str], *, create: bool = False) -> Iterator[int]:
        current = os.dup(self._root_fd)
        try:
            for name in names:
                following = _step(name, current, create=create)
                os.close(current)
                current = following
            yield current
        finally:
            os.close(current)


def _step(name: str, folder: int, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, mode=0o700, dir_fd=folder)
        os.fsync(folder)
    return os.open(name, _DIRECTORY, dir_fd=folder)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _write(name: str, folder: int, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _files(name: str, key: str, folder: int, after: str) -> Iterator[ArtifactInfo]:
    inside = f"{key}/"
    if key <= after and inside <= after and not after.startswith(inside):
        return
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        if key <= after:
            return
        yield ArtifactInfo(key=key, size=status.st_size)
    elif stat.S_ISDIR(status.st_mode):
        inner = os.open(name, _DIRECTORY, dir_fd=folder)
        try:
            for child in os.listdir(inner):  # noqa: PTH208 - of a descriptor, not a path
                if not child.startswith("."):
                    with suppress(FileNotFoundError):
                        yield from _files(child, f"{inside}{child}", inner, after)
        finally:
            os.close(inner)


def _remove(name: str, folder: int) -> int:
    """Delete a file or a whole folder; links are removed, never followed. Drafts do not count."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=folder)
        return int(not name.startswith("."))
    inner = os.open(name, _DIRECTORY, dir_fd=folder)
    try:
        count = 0
        for child in os.listdir(inner):  # noqa: PTH208 - of a descriptor, not a path
            with suppress(FileNotFoundError):  # someone else sweeps the same
                count += _remove(child, inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=folder)
    return count


def _unavailable(error: OSError, root: Path) -> UnavailableError:
    if error.errno in _FULL:
        return UnavailableError(f"no space is left for artifacts in {root}", hint="free some disk space")
    if error.errno in _MISSING:
        return UnavailableError(f"a path of the artifact store in {root} is no directory, or is a link")
    return UnavailableError(f"the artifact store in {root} failed: {error.strerror}")
