"""Rank with ageing: higher priority first, and nothing starves."""

import heapq

from hypothesis import given
from hypothesis import strategies as st

from taskjob_engine.lifecycle.transitions import rank_of

SECOND = 1_000_000


@given(st.integers(1, 600), st.integers(1, 1000), st.integers(-1000, 999))
def test_nothing_waits_longer_than_its_gap_in_priority_is_worth(aging, gap, low):
    """A job ranks before every later one of `gap` points more once it has waited gap × agingSeconds."""
    mine = rank_of(0, low, aging)
    worth = gap * aging * SECOND
    assert rank_of(worth + 1, low + gap, aging) > mine
    assert rank_of(worth - 1, low + gap, aging) < mine


@given(st.integers(1, 5), st.integers(2, 8))
def test_scenario_10_priority_0_runs_under_an_overload_of_priority_10(aging, arrivals):
    """`arrivals` jobs of priority 10 come each second and one is served: the humble job still gets its turn."""
    queue = [(rank_of(0, 0, aging), "humble")]
    for second in range(10 * aging * arrivals + arrivals + 1):
        for number in range(arrivals):
            heapq.heappush(queue, (rank_of(second * SECOND, 10, aging), f"{second}.{number}"))
        if heapq.heappop(queue)[1] == "humble":
            return
    raise AssertionError("it starved")


@given(st.lists(st.integers(0, 10**9), min_size=2), st.integers(-10, 10))
def test_equal_priorities_are_first_come_first_served(times, priority):
    assert sorted(times) == sorted(times, key=lambda at: rank_of(at, priority, 60))
