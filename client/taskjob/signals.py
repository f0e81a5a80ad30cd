"""What a task raises to say how its attempt ends, other than by returning or failing.

These are control flow, not faults: they are no `TaskJobError` and no `Exception` is hidden behind them. A task
that catches `Exception` broadly catches them too, as it would `StopIteration`; let them pass.
"""

from __future__ import annotations


class Signal(Exception):  # noqa: N818 - control flow, named like the verbs they stand for
    """Root of the three; never raised itself."""


class Retry(Signal):
    """The attempt failed and counts as one; try again after `delay_seconds` instead of the job's back-off."""

    def __init__(self, reason: str = "", *, delay_seconds: float | None = None) -> None:
        super().__init__(reason or "the task asked for a retry")
        self.delay_seconds = _duration("delay_seconds", delay_seconds)


class Snooze(Signal):
    """Not now: run again after `seconds`. Costs no attempt, but a delivery: one run has at most maxAttempts + maxLost
    + 40 of them (48 unless the job says otherwise), then it is a dead letter, `DeliveriesExhausted`. To wait for
    longer than that many snoozes, snooze for longer."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"snoozed for {seconds} s")
        self.seconds = _duration("seconds", seconds) or 0.0


class Cancel(Signal):
    """Cancel this job for good: no retry, no dead letter."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or "cancelled by the task")


def _duration(name: str, seconds: float | None) -> float | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= 10 * 365 * 86_400:
        raise ValueError(f"{name} must be between 0 and ten years in seconds, not {seconds!r}")
    return float(seconds)
