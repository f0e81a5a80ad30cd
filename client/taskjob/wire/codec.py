"""JSON text of messages. A frame is one object and, over TCP, a newline.

JSON strings escape line feeds, so a newline never stands inside a frame.
"""

from __future__ import annotations

import msgspec

from taskjob.wire.messages import FromWorker, ToWorker

_encoder = msgspec.json.Encoder()
_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)
_to_worker: msgspec.json.Decoder[ToWorker] = msgspec.json.Decoder(ToWorker)


class BadFrameError(ValueError):
    """Not a message of this protocol; the text says where."""


def encode(message: FromWorker | ToWorker) -> bytes:
    return _encoder.encode(message)


def encode_line(message: FromWorker | ToWorker) -> bytes:
    frame = bytearray()
    _encoder.encode_into(message, frame)
    frame += b"\n"
    return bytes(frame)


def decode_from_worker(frame: bytes | bytearray | memoryview) -> FromWorker:
    """Read a worker's message. Raises `BadFrameError`; unknown fields are ignored (forward compatibility)."""
    try:
        return _from_worker.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrameError(str(error)) from error


def decode_to_worker(frame: bytes | bytearray | memoryview) -> ToWorker:
    """Read a server's message. Raises `BadFrameError`."""
    try:
        return _to_worker.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrameError(str(error)) from error
