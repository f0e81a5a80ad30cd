"""The rate cell: never more than rate × (t + 1) in t seconds, never less than the rate for long."""

from hypothesis import given
from hypothesis import strategies as st

from taskjob_engine.lifecycle import rate

NOW = 1_800_000_000_000_000
SECOND = 1_000_000


@given(st.integers(1, 10_000), st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 50)), max_size=60))
def test_no_span_lets_more_through_than_its_length_and_one_burst(limit, calls):
    tat, now, passed = 0, NOW, []
    for pause, wanted in calls:
        now += pause
        granted = min(wanted, rate.room(tat, rate=limit, now=now))
        tat = rate.charged(tat, granted, rate=limit, now=now) if granted else tat
        passed.append((now, granted))
    for at, (start, _) in enumerate(passed):
        total = 0
        for end, granted in passed[at:]:
            total += granted
            assert total <= limit * ((end - start) / SECOND + 1) + 1


@given(st.integers(1, 10_000))
def test_a_fresh_cell_has_one_burst_and_an_empty_one_refills_in_a_second(limit):
    assert rate.room(0, rate=limit, now=NOW) == limit
    empty = rate.charged(0, limit, rate=limit, now=NOW)
    assert rate.room(empty, rate=limit, now=NOW) == 0
    assert rate.room(empty, rate=limit, now=NOW + SECOND) == limit


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_the_wait_told_is_when_the_next_grant_passes(limit, taken):
    tat = rate.charged(0, min(taken, limit), rate=limit, now=NOW)
    wait = rate.retry_after_seconds(tat, rate=limit, now=NOW)
    assert (wait == 0.0) == (rate.room(tat, rate=limit, now=NOW) > 0)
    assert rate.room(tat, rate=limit, now=NOW + round(wait * SECOND) + 1) >= 1
    if wait > 0.000002:
        assert rate.room(tat, rate=limit, now=NOW + round(wait * SECOND) - 2) == 0


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_a_refund_gives_back_what_was_charged_and_no_more(limit, taken):
    taken = min(taken, limit)
    tat = rate.charged(0, taken, rate=limit, now=NOW)
    assert rate.room(rate.refunded(tat, taken, rate=limit), rate=limit, now=NOW) == limit
    assert rate.room(rate.refunded(tat, 10**6, rate=limit), rate=limit, now=NOW) == limit
