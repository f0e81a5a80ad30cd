"""The worker's line about a failed attempt: one line, and no more said than the worker knows."""

import msgspec
import pytest

from taskjob.ending import COMPLETED, Ending
from taskjob.model import AttemptOutcome, ErrorInfo
from taskjob.wire.messages import Grant
from taskjob_worker.failures import failure_line
from taskjob_worker.outcome import INTERRUPTED, RELEASED, crashed

BOOM = ErrorInfo(type="ValueError", message="no\n  luck")
FAILED, TIMED_OUT = AttemptOutcome.FAILED, AttemptOutcome.TIMED_OUT


def line(ending, attempt=2):
    grant = Grant(
        job="j1", lease="l", queue="q", task="resize", payload=msgspec.Raw(b"{}"), attempt=attempt, max_attempts=5
    )
    return failure_line(grant, ending)


@pytest.mark.parametrize(
    ("ending", "attempt", "told"),
    [
        (Ending(FAILED, error=BOOM), 2, "failed on attempt 2/5: ValueError: no luck"),
        (Ending(FAILED, error=BOOM), 5, "failed on attempt 5/5: ValueError: no luck; that was the last attempt"),
        (
            Ending(FAILED, error=BOOM, delay_seconds=60.0),
            2,
            "failed on attempt 2/5: ValueError: no luck; again in 60 s",
        ),
        (
            Ending(FAILED, error=BOOM, retryable=False),
            2,
            "failed on attempt 2/5: ValueError: no luck; no retry: it would fail again",
        ),
        (Ending(TIMED_OUT), 1, "timed out on attempt 1/5"),
        (
            crashed(-11),
            1,
            (
                "crashed on attempt 1/5: ProcessCrashed: the task's process was killed by SIGSEGV; counted as lost, "
                "not as an attempt"
            ),
        ),
    ],
)
def test_a_failure_is_one_line(ending, attempt, told):
    assert line(ending, attempt) == f"job j1: resize {told}"


@pytest.mark.parametrize(
    "ending", [COMPLETED, RELEASED, INTERRUPTED, Ending(AttemptOutcome.SNOOZED), Ending(AttemptOutcome.CANCELLED)]
)
def test_what_did_not_fail_is_not_told(ending):
    assert line(ending) is None


def test_a_long_message_is_cut():
    assert len(line(Ending(FAILED, error=ErrorInfo(type="E", message="x" * 5000)))) < 400
