"""How a delivery ends when something outside the task's code ends it: time-out, cancel, drain, a dead process.

Pure. Endings by the task's own code are read in `taskjob.ending`.
"""

from __future__ import annotations

from enum import StrEnum

from taskjob.ending import Ending
from taskjob.model.job import AttemptOutcome, ErrorInfo


class StopReason(StrEnum):
    """Why a running task is stopped from outside. The first three are the server's words."""

    CANCEL_REQUESTED = "CancelRequested"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    TIMED_OUT = "TimedOut"
    DRAIN = "Drain"
    LEASE_LAPSES = "LeaseLapses"
    LOST = "Lost"
    """The lease is gone: stop, and settle nothing."""


RELEASED = Ending(AttemptOutcome.RELEASED)
INTERRUPTED = Ending(AttemptOutcome.INTERRUPTED)


def stopped(reason: StopReason, *, timeout_seconds: float = 0.0) -> Ending:
    """The task ended because it was told to."""
    match reason:
        case StopReason.CANCEL_REQUESTED:
            return Ending(AttemptOutcome.CANCELLED)
        case StopReason.TIMED_OUT | StopReason.DEADLINE_EXCEEDED:
            message = f"did not finish within {timeout_seconds:g} s"
            return Ending(AttemptOutcome.TIMED_OUT, error=ErrorInfo(type="TimedOut", message=message))
        case _:
            return INTERRUPTED


def crashed(status: int) -> Ending:
    """The task's process ended without a word. `status` as of `Popen.returncode`."""
    return Ending(AttemptOutcome.CRASHED, error=ErrorInfo(type="ProcessCrashed", message=describe_exit(status)))


def describe_exit(status: int) -> str:
    """A signal by its name. A plain SIGKILL is not called out-of-memory: nobody here can know."""
    if status >= 0:
        return f"the task's process exited with status {status}"
    import signal  # noqa: PLC0415 - rare

    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"the task's process was killed by {name}"
