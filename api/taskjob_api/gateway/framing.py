"""Cuts a byte stream into lines, keeping at most one incomplete line and never more than its limit."""

from __future__ import annotations


class FrameTooLongError(Exception):
    """A line is longer than the limit; the stream cannot be read on."""


class LineFramer:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their newline. Raises `FrameTooLongError`."""
        end = data.rfind(b"\n")
        if end < 0:
            self._keep(data)
            return []
        lines = data[:end].split(b"\n")
        if self._parts:
            lines[0] = b"".join((*self._parts, lines[0]))
            self._parts.clear()
        self._size = 0
        if max(map(len, lines)) > self.limit:
            raise FrameTooLongError
        if end + 1 < len(data):
            self._keep(data[end + 1 :])
        return lines

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self.limit:
            raise FrameTooLongError
        self._parts.append(data)
