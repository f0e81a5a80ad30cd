"""Logs of deliveries: numbered chunk objects in the artifact store, bounded per delivery.

It places and reads text. Whether a caller may append (holds the lease) or read is decided above it.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict

import msgspec

from taskjob_engine.artifacts import ArtifactStore, delivery_prefix, log_key

PAGE_BYTES = 1024 * 1024
"""One page of a log stops after the chunk that reaches this."""

MAX_CHUNKS = 4096
"""Objects of one delivery's log, however small; the last one says that more was dropped."""

_PAGE_CHUNKS = 1024
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
    """Appends and reads chunks. Sizes and numbers of live logs are remembered; after a restart they are read back
    once. What another process appended is found by listing."""

    def __init__(self, artifacts: ArtifactStore, limit_bytes: int) -> None:
        self._artifacts = artifacts
        self._limit = limit_bytes
        self._written: OrderedDict[str, _Written] = OrderedDict()
        self._prefixes: OrderedDict[str, str] = OrderedDict()
        """Of a delivery → of its lease, below which its log stands."""

    async def append(self, prefix: str, number: int, text: str) -> None:
        """Keep one chunk. A repeat of its number is ignored; what goes beyond the limit, in bytes or in chunks, is
        replaced by one line that says so."""
        key = log_key(prefix, number)
        written = await self._of(prefix)
        if written.full or number in written.numbers:
            return
        data = text.encode("utf-8", "replace")
        if written.size + len(data) > self._limit:
            written.full = True
            data = _cut(data, self._limit - written.size) + _marker(f"{self._limit} bytes")
        elif len(written.numbers) + 1 >= MAX_CHUNKS:
            written.full = True
            data += _marker(f"{MAX_CHUNKS} chunks")
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
        where = delivery_prefix(namespace, job, run, delivery)
        chunks = ({} if ended else self._remembered(where, after)) or await self._listed(where, after)
        text: list[bytes] = []
        size = 0
        following = after
        for number in sorted(chunks):
            if size >= PAGE_BYTES:
                break
            chunk = await self._artifacts.get(chunks[number])
            if chunk is None:  # it is just being written
                break
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

    def _remembered(self, where: str, after: int) -> dict[int, str]:
        """The next chunks of a live log that this process appended, without asking the artifact store."""
        prefix = self._prefixes.get(where, "")
        written = self._written.get(prefix)
        if written is None:
            return {}
        numbers = itertools.takewhile(written.numbers.__contains__, itertools.count(after))
        return {number: log_key(prefix, number) for number in itertools.islice(numbers, _PAGE_CHUNKS)}

    async def _listed(self, where: str, after: int) -> dict[int, str]:
        prefix = self._prefixes.get(where)
        passed = log_key(prefix, after - 1) if prefix is not None and after > 0 else ""
        chunks: dict[int, str] = {}
        for info in await self._artifacts.list_prefix(where, after=passed):
            prefix, kind, name = info.key.rsplit("/", 2)
            if kind == "log":
                self._remember(prefix)
                if int(name) >= after:
                    chunks[int(name)] = info.key
        return chunks

    def _remember(self, prefix: str) -> None:
        where = prefix.rpartition("/")[0]
        self._prefixes[where] = prefix
        self._prefixes.move_to_end(where)
        if len(self._prefixes) > _REMEMBERED_DELIVERIES:
            self._prefixes.popitem(last=False)

    async def _of(self, prefix: str) -> _Written:
        written = self._written.get(prefix)
        if written is None:
            stored = await self._artifacts.list_prefix(f"{prefix}/log")
            size = sum(info.size for info in stored)
            numbers = {int(info.key.rsplit("/", 1)[1]) for info in stored}
            full = size > self._limit or len(numbers) >= MAX_CHUNKS
            written = self._written.setdefault(prefix, _Written(size, numbers, full=full))
            while len(self._written) > _REMEMBERED_DELIVERIES:
                self._written.popitem(last=False)
        self._written.move_to_end(prefix)
        self._remember(prefix)
        return written


def _marker(limit: str) -> bytes:
    return f"\n[log cut here: over the limit of {limit}]\n".encode()


def _cut(data: bytes, size: int) -> bytes:
    """The first `size` bytes, without half a character at the end."""
    return data[: max(0, size)].decode("utf-8", "ignore").encode()
