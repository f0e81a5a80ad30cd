"""Attempt records: what stands in them for each kind of end."""

from clocks import START
from hypothesis import given
from hypothesis import strategies as st
from job_states import leased

from taskjob.model import AttemptOutcome
from taskjob_engine.lifecycle import transitions
from taskjob_engine.lifecycle.history import current_attempt, ended_attempt, hand_back_outcome, lapse_outcome
from taskjob_engine.lifecycle.transitions import Ending

SECOND = 1_000_000


@given(st.sampled_from(AttemptOutcome), st.floats(), st.integers(0, 50))
def test_an_attempt_starts_between_its_grant_and_its_end_or_never(outcome, duration, later):
    now = START + later * SECOND
    record = ended_attempt(leased(), Ending(outcome, duration_seconds=duration), now=now)
    assert (record.leased_at, record.finished_at, record.outcome) == (START, now, outcome)
    if outcome is AttemptOutcome.RELEASED:
        assert record.started_at is None
    else:
        assert START <= record.started_at <= now


def test_a_told_start_stands_whatever_the_duration_says():
    job = transitions.start(leased(), ago_seconds=0, now=START + SECOND)
    record = ended_attempt(job, Ending(AttemptOutcome.COMPLETED, duration_seconds=0.1), now=START + 9 * SECOND)
    assert record.started_at == START + SECOND


def test_the_standing_delivery_has_no_end():
    record = current_attempt(leased())
    assert (record.number, record.worker, record.started_at, record.outcome) == (1, "w", None, None)


def test_what_never_started_is_released_and_what_did_is_charged():
    prefetched, running = leased(), transitions.start(leased(), ago_seconds=0, now=START)
    assert [lapse_outcome(job) for job in (prefetched, running)] == [AttemptOutcome.RELEASED, AttemptOutcome.LOST]
    assert [hand_back_outcome(job) for job in (prefetched, running)] == [
        AttemptOutcome.RELEASED,
        AttemptOutcome.INTERRUPTED,
    ]
