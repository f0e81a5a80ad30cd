"""What a worker and its task processes say to each other: msgpack frames with a length in front, over a socket pair."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from taskjob.context import Facts
from taskjob.ending import Ending


class Setup(msgspec.Struct, frozen=True, tag=True):
    """The first frame to a child: what to import, and whose child it is."""

    modules: tuple[str, ...]
    log_level: str
    parent: int


class Run(msgspec.Struct, frozen=True, tag=True):
    facts: Facts
    payload: bytes
    now: float
    """The sender's monotonic clock, which a child on the same machine shares."""


class SubmitReply(msgspec.Struct, frozen=True, tag=True):
    id: str | None = None
    code: str | None = None
    detail: str = ""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The modules are loaded."""


class Log(msgspec.Struct, frozen=True, tag=True):
    text: str


class ProgressText(msgspec.Struct, frozen=True, tag=True):
    text: str


class Checkpoint(msgspec.Struct, frozen=True, tag=True):
    raw: bytes


class SubmitCall(msgspec.Struct, frozen=True, tag=True):
    document: dict[str, Any]


class Done(msgspec.Struct, frozen=True, tag=True):
    ending: Ending


ToChild = Setup | Run | SubmitReply
FromChild = Ready | Log | ProgressText | Checkpoint | SubmitCall | Done

_encoder = msgspec.msgpack.Encoder()
_to_child: msgspec.msgpack.Decoder[ToChild] = msgspec.msgpack.Decoder(ToChild)
_from_child: msgspec.msgpack.Decoder[FromChild] = msgspec.msgpack.Decoder(FromChild)


def pack(frame: ToChild | FromChild) -> bytes:
    body = _encoder.encode(frame)
    return len(body).to_bytes(4, "big") + body


def receive(connection: socket.socket) -> ToChild | None:
    """Blocking, in the child. None when the worker is gone."""
    head = _exactly(connection, 4)
    body = None if head is None else _exactly(connection, int.from_bytes(head, "big"))
    return None if body is None else _to_child.decode(body)


class FrameReader:
    """Cuts what a child sent into frames, for the worker's non-blocking side."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[FromChild]:
        buffer = self._data
        buffer += data
        frames: list[FromChild] = []
        at = 0
        while len(buffer) - at >= 4:
            size = int.from_bytes(buffer[at : at + 4], "big")
            if len(buffer) - at - 4 < size:
                break
            frames.append(_from_child.decode(memoryview(buffer)[at + 4 : at + 4 + size]))
            at += 4 + size
        del buffer[:at]
        return frames


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        try:
            data = connection.recv(size - len(parts))
        except ConnectionError:
            return None
        if not data:
            return None
        parts += data
    return bytes(parts)
