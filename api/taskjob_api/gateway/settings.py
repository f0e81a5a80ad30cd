"""What the worker gateway can be told; a value, built by the composition root."""

from __future__ import annotations

import ssl

import msgspec

from taskjob.wire.messages import MAX_FRAME_BYTES


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    host: str = "127.0.0.1"
    """Address of the TCP carrier."""

    port: int = 8081
    """Port of the TCP carrier; 0 takes a free one."""

    ssl: ssl.SSLContext | None = None
    """With it the TCP carrier speaks TLS only."""

    max_connections: int = 4096
    """Further TCP connections are closed as soon as they come."""

    max_strangers: int = 1024
    """Connections that have not yet proved who they are; beyond it the one that has waited longest is closed."""

    hello_seconds: float = 5.0
    """A connection that has not registered or resumed by then is closed."""

    idle_seconds: float = 45.0
    """A connection from which nothing came for so long is closed."""

    max_frame_bytes: int = MAX_FRAME_BYTES
    """Longest message."""

    max_hello_bytes: int = 512 * 1024
    """Longest message of a connection that has not yet proved who it is."""

    write_buffer_bytes: int = 1024 * 1024
    """What the server keeps for a reader that does not read; beyond it the session gets no more work."""

    stall_seconds: float = 10.0
    """A reader that stays over its write buffer for so long is told `goaway` and closed."""

    stop_seconds: float = 5.0
    """Longest time that a stop waits for exchanges under way."""
