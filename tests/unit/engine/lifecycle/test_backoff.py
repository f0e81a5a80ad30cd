"""Back-off stays within its bounds whatever the policy and the dice."""

from hypothesis import given
from hypothesis import strategies as st
from job_states import backoffs

from taskjob.model import Backoff
from taskjob_engine.lifecycle.backoff import backoff_micros

SECOND = 1_000_000
dice = st.floats(0, 1, exclude_max=True)


@given(backoffs, st.integers(1, 500), dice)
def test_within_zero_and_the_maximum(backoff, failures, jitter):
    assert 0 <= backoff_micros(backoff, failures, jitter) <= backoff.max_seconds * SECOND


@given(backoffs, st.integers(1, 50), dice)
def test_within_the_jitter_of_its_nominal_value(backoff, failures, jitter):
    nominal = min(backoff.initial_seconds * backoff.multiplier ** (failures - 1), backoff.max_seconds)
    spread = nominal * backoff.jitter_percent / 100
    got = backoff_micros(backoff, failures, jitter) / SECOND
    assert nominal - spread - 0.001 <= got <= min(nominal + spread, backoff.max_seconds) + 0.001


@given(st.integers(1, 30))
def test_without_jitter_it_never_shrinks(failures):
    plain = Backoff(jitter_percent=0)
    assert backoff_micros(plain, failures, 0.3) <= backoff_micros(plain, failures + 1, 0.9)


def test_the_products_default():
    waits = [backoff_micros(Backoff(), failures, 0.5) // SECOND for failures in range(1, 12)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff_micros(Backoff(), 1, 0.0) == 800_000


def test_a_million_failures_cost_no_time():
    assert backoff_micros(Backoff(jitter_percent=0), 1_000_000, 0.5) == 300 * SECOND
