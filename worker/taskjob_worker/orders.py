"""What a guardian and its worker say to each other over their socket pair: one JSON object a line."""

from __future__ import annotations

import socket

import msgspec


class DrainOrder(msgspec.Struct, frozen=True, tag="drain"):
    """Guardian → worker. The second one hurries."""


class SessionNote(msgspec.Struct, frozen=True, tag="session"):
    """Worker → guardian: what to renew from beside."""

    session: str
    epoch: int
    ttl_seconds: float
    heartbeat_seconds: float


class GroupNote(msgspec.Struct, frozen=True, tag="group"):
    """Worker → guardian: a process group of a task begins or is gone. Those left when the worker dies are killed."""

    id: int
    alive: bool


Note = SessionNote | GroupNote

_notes: msgspec.json.Decoder[Note] = msgspec.json.Decoder(Note)


def send(connection: socket.socket, message: DrainOrder | Note) -> None:
    connection.sendall(msgspec.json.encode(message) + b"\n")


def read_notes(lines: list[bytes]) -> list[Note]:
    return [_notes.decode(line) for line in lines if line]
