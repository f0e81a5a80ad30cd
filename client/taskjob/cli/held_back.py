"""SIGTERM during a start: kept until the program listens to it.

As the first process of a container, a program to which it comes too early would not hear of it at all, and the pod's
end would wait for the kill.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_held_back() -> Iterator[None]:
    """Around imports and start; whoever listens calls `signal.pthread_sigmask(SIG_UNBLOCK, …)`. It is let through
    again at the end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
