"""From what a task's code did (returned, raised) to how its attempt ends.

Pure, and the one place for it: the worker, its task processes and `taskjob.testing` all read endings here. What
a worker does to a task from outside (time-outs, cancels, crashes) is the worker's business.
"""

from __future__ import annotations

import traceback
from typing import Any

import msgspec

from taskjob.model.job import AttemptOutcome, ErrorInfo
from taskjob.payload import InvalidPayloadError
from taskjob.signals import Cancel, Retry, Snooze
from taskjob.wire.json_values import MAX_VALUE_DEPTH, is_too_deep
from taskjob.wire.messages import MAX_RESULT_BYTES

MAX_MESSAGE_CHARACTERS = 2048
MAX_TRACEBACK_CHARACTERS = 8192

_OUR_FRAMES = ("taskjob_worker.", "taskjob.testing")


class Ending(msgspec.Struct, frozen=True, array_like=True):
    """How the task's code ended; a `Settle` without the names of its delivery."""

    outcome: AttemptOutcome
    result: bytes | None = None
    error: ErrorInfo | None = None
    delay_seconds: float | None = None
    retryable: bool = True


COMPLETED = Ending(AttemptOutcome.COMPLETED)


def returned(value: Any) -> Ending:
    """The task returned: its result as JSON, or a final failure where it is none or too large."""
    if value is None:
        return COMPLETED
    try:
        raw = _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        return _final("InvalidResult", f"the result is not JSON: {error}")
    if len(raw) > MAX_RESULT_BYTES:
        return _final("ResultTooLarge", f"the result has {len(raw)} bytes of JSON; at most {MAX_RESULT_BYTES} are kept")
    if is_too_deep(raw):
        return _final("InvalidResult", f"the result is nested deeper than {MAX_VALUE_DEPTH} levels")
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


def _foreign(value: Any) -> Any:
    """Pydantic models (of a task that brought pydantic along) as their JSON form."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")
    return dump(mode="json")


_encoder = msgspec.json.Encoder(enc_hook=_foreign)


def _final(kind: str, message: str) -> Ending:
    return Ending(AttemptOutcome.FAILED, error=ErrorInfo(type=kind, message=_short(message)), retryable=False)


def _cause(error: BaseException) -> str:
    """A Retry raised from another error is named after it, so that `nonRetryable` can match."""
    cause = error.__cause__ or error.__context__
    return type(cause).__name__ if cause is not None else "Retry"


def _short(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"


def _traceback(error: BaseException) -> str:
    """Without this package's frames at the top: the reader wants the task's own."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith(_OUR_FRAMES):
        frame = frame.tb_next
    text = "".join(traceback.format_exception(type(error), error, frame))
    return text if len(text) <= MAX_TRACEBACK_CHARACTERS else "…" + text[-MAX_TRACEBACK_CHARACTERS + 1 :]
