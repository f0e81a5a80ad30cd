"""Which verdicts make a worker settle otherwise."""

import msgspec
import pytest

from taskjob.model.job import AttemptOutcome
from taskjob.wire.messages import Settle, Verdict
from taskjob.wire.refused_results import settled_otherwise

RESULT = Settle(job="a", lease="l", outcome=AttemptOutcome.COMPLETED, result=msgspec.Raw(b"1"))
NONE = Settle(job="a", lease="l", outcome=AttemptOutcome.COMPLETED)


def verdict(kind="rejected", reason="TooLarge", **fields):
    return Verdict(**({"job": "a", "lease": "l", "verdict": kind, "reason": reason} | fields))


@pytest.mark.parametrize(
    ("settle", "told"),
    [
        (RESULT, []),
        (RESULT, [verdict("stale", "Expired")]),
        (RESULT, [verdict("replayed", None)]),
        (RESULT, [verdict(reason="InvalidCheckpoint")]),
        (RESULT, [verdict(lease="other")]),
        (RESULT, [verdict(job="other")]),
        (NONE, [verdict()]),
    ],
)
def test_nothing_else_is_settled_otherwise(settle, told):
    assert settled_otherwise([settle], told) == {}


def test_a_refused_result_is():
    assert list(settled_otherwise([RESULT, NONE], [verdict()])) == [("a", "l")]
