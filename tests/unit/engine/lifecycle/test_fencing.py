"""Whose word about a lease counts: every part of (job, lease, session, principal) is compared."""

import pytest
from job_states import end, leased

from taskjob.model import AttemptOutcome
from taskjob_engine.lifecycle.fencing import (
    ATTEMPT_TIMED_OUT,
    INCARNATION_CHANGED,
    LEASE_EXPIRED,
    PastDelivery,
    fence_settle,
    lost_reason,
)

LEASE = "1" * 32


def fence(job, *, past=None, **changes):
    given = {
        "lease": LEASE,
        "session": "s",
        "principal": "p",
        "session_principal": "p",
        "outcome": AttemptOutcome.COMPLETED,
    }
    verdict = fence_settle(job, past=past, **(given | changes))
    return verdict.verdict, verdict.reason


def test_the_standing_lease_of_its_own_worker_is_accepted():
    assert fence(leased()) == ("accepted", None)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lease": "2" * 32}, ("stale", "Superseded")),
        ({"session": "other"}, ("stale", "WrongWorker")),
        ({"principal": "thief"}, ("stale", "WrongWorker")),
        ({"session_principal": None}, ("stale", "WrongWorker")),
    ],
)
def test_g3_any_part_that_differs_is_stale(change, expected):
    assert fence(leased(), **change) == expected


def test_a_job_that_is_not_there():
    assert fence(None) == ("stale", "UnknownJob")


def test_an_unleased_job_accepts_no_empty_lease():
    job = end(leased(), AttemptOutcome.RELEASED)
    assert fence(job, lease="") == ("stale", "Superseded")


def test_a_recorded_delivery_is_replayed_to_its_own_worker():
    done = end(leased(), AttemptOutcome.COMPLETED)
    past = PastDelivery("s", AttemptOutcome.COMPLETED)
    assert fence(done, past=past) == ("replayed", None)
    assert fence(done, past=past, session_principal=None) == ("replayed", None), "the session's row may be gone"
    assert fence(done, past=past, session="other") == ("stale", "WrongWorker")
    assert fence(done, past=past, principal="thief") == ("stale", "WrongWorker")
    assert fence(done, past=past, outcome=AttemptOutcome.FAILED) == ("stale", "Finished")


@pytest.mark.parametrize(
    ("past", "reason"),
    [
        (PastDelivery("s", AttemptOutcome.LOST, LEASE_EXPIRED.type), "Expired"),
        (PastDelivery("s", AttemptOutcome.RELEASED, LEASE_EXPIRED.type), "Expired"),
        (PastDelivery("s", AttemptOutcome.TIMED_OUT, ATTEMPT_TIMED_OUT.type), "Expired"),
        (PastDelivery("s", AttemptOutcome.RELEASED, INCARNATION_CHANGED.type), "IncarnationChanged"),
        (PastDelivery("s", AttemptOutcome.RELEASED), "Released"),
        (PastDelivery("s", AttemptOutcome.INTERRUPTED), "Released"),
        (PastDelivery("s", AttemptOutcome.FAILED, "ValueError"), "Finished"),
    ],
)
def test_why_a_late_settle_or_a_held_lease_is_stale(past, reason):
    job = end(leased(), AttemptOutcome.FAILED)
    assert fence(job, past=past) == ("stale", reason)
    assert lost_reason(job, past) == reason


def test_why_an_unknown_lease_is_lost():
    assert lost_reason(None, None) == "UnknownJob"
    assert lost_reason(leased(), None) == "Superseded"
