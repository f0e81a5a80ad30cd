"""From what a task did (returned, raised, was stopped) to how its delivery is settled.

Pure; used in the worker and in its task processes alike.
"""

from __future__ import annotations

import traceback
from enum import StrEnum
from typing import Any

import msgspec

from taskjob.model.job import AttemptOutcome, ErrorInfo
from taskjob.payload import InvalidPayloadError
from taskjob.signals import Cancel, Retry, Snooze
from taskjob.wire.messages import MAX_RESULT_BYTES

MAX_MESSAGE_CHARACTERS = 2048
MAX_TRACEBACK_CHARACTERS = 8192


class StopReason(StrEnum):
    """Why a running task is stopped from outside. The first three are the server's words."""

    CANCEL_REQUESTED = "CancelRequested"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    TIMED_OUT = "TimedOut"
    DRAIN = "Drain"
    LEASE_LAPSES = "LeaseLapses"
    LOST = "Lost"
    """The lease is gone: stop, and settle nothing."""


class Ending(msgspec.Struct, frozen=True, array_like=True):
    """How the task's code ended; a `Settle` without the names of its delivery."""

    outcome: AttemptOutcome
    result: bytes | None = None
    error: ErrorInfo | None = None
    delay_seconds: float | None = None
    retryable: bool = True


COMPLETED = Ending(AttemptOutcome.COMPLETED)
RELEASED = Ending(AttemptOutcome.RELEASED)
INTERRUPTED = Ending(AttemptOutcome.INTERRUPTED)


def _foreign(value: Any) -> Any:
    """Pydantic models (of a task that brought pydantic along) as their JSON form."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise NotImplementedError(f"{type(value).__name__} cannot be written as JSON")
    return dump(mode="json")


_encoder = msgspec.json.Encoder(enc_hook=_foreign)


def returned(value: Any) -> Ending:
    """The task returned: its result as JSON, or a final failure where it is none or too large."""
    if value is None:
        return COMPLETED
    try:
        raw = _encoder.encode(value)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        return _final("InvalidResult", f"the result is not JSON: {error}")
    if len(raw) > MAX_RESULT_BYTES:
        return _final("ResultTooLarge", f"the result has {len(raw)} bytes of JSON; at most {MAX_RESULT_BYTES} are kept")
    return Ending(AttemptOutcome.COMPLETED, raw)


def raised(error: BaseException) -> Ending:
    """The task raised, and nobody had told it to stop."""
    match error:
        case Snooze():
            return Ending(AttemptOutcome.SNOOZED, delay_seconds=error.seconds)
        case Cancel():
            return Ending(AttemptOutcome.CANCELLED, error=ErrorInfo(type="Cancel", message=_short(str(error))))
        case Retry():
            return Ending(
                AttemptOutcome.FAILED,
                error=ErrorInfo(type=_cause(error), message=_short(str(error))),
                delay_seconds=error.delay_seconds,
            )
        case InvalidPayloadError():
            return _final("InvalidPayload", str(error))
    info = ErrorInfo(type=type(error).__name__, message=_short(str(error)), traceback=_traceback(error))
    return Ending(AttemptOutcome.FAILED, error=info)


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


def _final(kind: str, message: str) -> Ending:
    return Ending(AttemptOutcome.FAILED, error=ErrorInfo(type=kind, message=_short(message)), retryable=False)


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    return type(cause).__name__ if cause is not None else "Retry"


def _short(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"


def _traceback(error: BaseException) -> str:
    """Without this package's frames at the top: the reader wants the task's own."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith("taskjob_worker."):
        frame = frame.tb_next
    text = "".join(traceback.format_exception(type(error), error, frame))
    return text if len(text) <= MAX_TRACEBACK_CHARACTERS else "…" + text[-MAX_TRACEBACK_CHARACTERS + 1 :]
