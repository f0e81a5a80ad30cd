"""Durations as the outside tells them (float seconds, maybe hostile) to microseconds. Pure."""

from __future__ import annotations

import math

from taskjob.model import Micros
from taskjob.model.times import SECOND

LONGEST_SECONDS = 10.0 * 365 * 86_400
"""Ten years: longer spans are cut to it, so that no sum with a time leaves 64 bits."""


def micros(seconds: float) -> Micros:
    """`seconds` kept within 0 and ten years; NaN counts as 0."""
    if 0.0 <= seconds <= LONGEST_SECONDS:
        return int(seconds * SECOND)
    if math.isnan(seconds):
        return 0
    return int(min(max(seconds, 0.0), LONGEST_SECONDS) * SECOND)
