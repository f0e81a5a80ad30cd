"""Logs of deliveries: numbered chunk objects in the artifact store, bounded per delivery.

It places and reads text. Whether a caller may append (holds the lease) or read is decided above it.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from taskjob_engine.artifacts import ArtifactStore, delivery_prefix, log_key

PAGE_BYTES = 1024 * 1024
"""One page of a log stops after the chunk that reaches this."""

_REMEMBERED_DELIVERIES = 10_000


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Text of one delivery's log. `next` is where to read on; `complete` says that nothing will follow: the
    delivery has ended and this page reached the log's end. `run` and `delivery` say whose log it is."""

    text: str = ""
    next: int = 0
    complete: bool = False
    run: int = 0
    delivery: int = 0


class _Written(msgspec.Struct):
    size: int
    numbers: set[int]
    full: bool = False


class DeliveryLogs:
    """Appends and reads chunks. Sizes of live logs are remembered; after a restart they are read back once."""

    def __init__(self, artifacts: ArtifactStore, limit_bytes: int) -> None:
        self._artifacts = artifacts
        self._limit = limit_bytes
        self._written: OrderedDict[str, _Written] = OrderedDict()

    async def append(self, prefix: str, number: int, text: str) -> None:
        """Keep one chunk. A repeat of its number is ignored; what goes beyond the limit is replaced by one line
        that says so."""
        key = log_key(prefix, number)
        written = await self._of(prefix)
        if written.full or number in written.numbers:
            return
        data = text.encode("utf-8", "replace")
        if written.size + len(data) > self._limit:
            written.full = True
            data = _cut(data, self._limit - written.size) + self._marker()
        # Counted before the write, so that chunks appended side by side cannot pass the limit together.
        written.numbers.add(number)
        written.size += len(data)
        try:
            await self._artifacts.put(key, data)
        except BaseException:
            written.numbers.discard(number)
            written.size -= len(data)
            written.full = False
            raise

    async def read(self, namespace: str, job: str, run: int, delivery: int, *, after: int, ended: bool) -> LogPage:
        chunks: dict[int, str] = {}
        for info in await self._artifacts.list_prefix(delivery_prefix(namespace, job, run, delivery)):
            parts = info.key.rsplit("/", 2)
            if parts[1] == "log" and int(parts[2]) >= after:
                chunks[int(parts[2])] = info.key
        text: list[bytes] = []
        size = 0
        following = after
        for number in sorted(chunks):
            if size >= PAGE_BYTES:
                break
            chunk = await self._artifacts.get(chunks[number]) or b""
            text.append(chunk)
            size += len(chunk)
            following = number + 1
        return LogPage(
            text=b"".join(text).decode("utf-8", "replace"),
            next=following,
            complete=ended and not any(number >= following for number in chunks),
            run=run,
            delivery=delivery,
        )

    async def _of(self, prefix: str) -> _Written:
        written = self._written.get(prefix)
        if written is None:
            stored = await self._artifacts.list_prefix(f"{prefix}/log")
            size = sum(info.size for info in stored)
            numbers = {int(info.key.rsplit("/", 1)[1]) for info in stored}
            written = self._written.setdefault(prefix, _Written(size, numbers, full=size > self._limit))
            while len(self._written) > _REMEMBERED_DELIVERIES:
                self._written.popitem(last=False)
        self._written.move_to_end(prefix)
        return written

    def _marker(self) -> bytes:
        return f"\n[log cut here: over the limit of {self._limit} bytes]\n".encode()


def _cut(data: bytes, size: int) -> bytes:
    """The first `size` bytes, without half a character at the end."""
    return data[: max(0, size)].decode("utf-8", "ignore").encode()
