"""Whether a port is free, and who has it if not."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from taskjob.errors import ConflictError

LOOPBACK = "127.0.0.1"
_PORTS = range(10_000, 65_536)
_ENOUGH = 100
_EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(*others: int) -> int:
    """Not one of `others`, and none of those that the kernel gives away by itself: the api takes it later, and again
    after a crash, and must not find a stranger there, nor its own worker that asked for a connection. Raises
    `ConflictError` where none is left."""
    kernels = _ephemeral()
    possible = [port for port in _PORTS if port not in kernels and port not in others]
    if len(possible) < _ENOUGH:  # a kernel that gives away nearly all of them
        possible = [port for port in _PORTS if port not in others]
    random.shuffle(possible)
    for port in possible:
        if is_free(port):
            return port
    raise ConflictError("no free port was found", hint="choose them: taskjob dev --port 8080 --gateway-port 8081")


def _ephemeral() -> range:
    """What the kernel gives to whoever asks for any port: where it does not say, what macOS gives."""
    if not _EPHEMERAL_PORTS.exists():
        return range(49_152, 65_536)
    first, last = _EPHEMERAL_PORTS.read_text(encoding="ascii").split()
    return range(int(first), int(last) + 1)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free, one that somebody listens on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder_of(port: int) -> str | None:
    """`pid 4711 (python server.py)` where the system tells it to us; None where it does not."""
    if not sys.platform.startswith("linux"):
        return None
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if sockets else ():
        try:
            if any(str(fd.readlink()) in sockets for fd in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f"pid {process.name} ({words if len(words) <= 80 else words[:79] + '…'})"
        except OSError:
            continue  # gone meanwhile, or another user's
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                yield fields[9]
