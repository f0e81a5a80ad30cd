"""How long a failed job waits: exponential with symmetric jitter."""

from __future__ import annotations

from taskjob.model import Backoff, Micros
from taskjob.model.times import SECOND


def backoff_micros(backoff: Backoff, failures: int, jitter: float) -> Micros:
    """Initial × multiplier^(failures − 1), capped at max, then moved by up to ± jitterPercent and capped again.

    `failures` counts from 1; `jitter` is a random number in [0, 1).
    """
    delay = float(backoff.initial_seconds)
    for _ in range(failures - 1):
        delay *= backoff.multiplier
        if delay >= backoff.max_seconds:
            break
    delay = min(delay, float(backoff.max_seconds))
    delay *= 1.0 + backoff.jitter_percent / 100.0 * (2.0 * jitter - 1.0)
    return int(min(delay, float(backoff.max_seconds)) * SECOND)
