"""The rate cell of a queue (`limits.ratePerSecond`): GCRA with a burst of one second. Pure.

The whole cell is one integer, the theoretical arrival time (`tat`) in *nanoseconds* since the epoch; a store
keeps it with the queue, 0 for a queue that never granted. Over any span of t seconds at most rate × (t + 1)
grants pass, refunds not counted.
"""

from __future__ import annotations

from taskjob.model import Micros

_NANOS = 1_000
_BURST = 1_000_000_000


def room(tat: int, *, rate: int, now: Micros) -> int:
    """How many grants the cell allows at this moment."""
    at = now * _NANOS
    return max(0, (at + _BURST - max(tat, at)) // _interval(rate))


def charged(tat: int, grants: int, *, rate: int, now: Micros) -> int:
    """The cell after `grants` more grants."""
    return max(tat, now * _NANOS) + grants * _interval(rate)


def refunded(tat: int, grants: int, *, rate: int) -> int:
    """The cell after `grants` were handed back unused. Idle time is never turned into more than one burst."""
    return max(0, tat - grants * _interval(rate))


def retry_after_seconds(tat: int, *, rate: int, now: Micros) -> float:
    """When the next grant passes, from now; 0.0 where one passes at once."""
    at = now * _NANOS
    return max(0, max(tat, at) + _interval(rate) - _BURST - at) / _BURST


def _interval(rate: int) -> int:
    return max(1, _BURST // rate)
