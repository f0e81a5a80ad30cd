"""A port for a program that takes none of its own choice, and that may be restarted on it."""

from __future__ import annotations

import random
import socket
from pathlib import Path

GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
LEAST, MOST = 10_240, 32_768


def free_port() -> int:
    """None of those that the kernel gives out, for connections and to who binds 0: such a one may be another's by the
    time that the program binds it, or binds it again."""
    given = int(GIVEN_OUT.read_text().split()[0]) if GIVEN_OUT.exists() else MOST
    dice = random.SystemRandom()
    while True:
        port = dice.randrange(LEAST, max(min(given, MOST), LEAST + 1000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
