"""How many Events are let through: a burst, then a trickle, of each key apart."""

from __future__ import annotations

from running_parts import SteadyClock

from taskjob_operator.events.allowance import MOST_KEYS, Allowance


def taken(allowance: Allowance, key: object, most: int = 100) -> int:
    return sum(allowance.take(key) for _ in range(most))


def test_a_burst_passes_and_then_as_many_as_time_gives() -> None:
    clock = SteadyClock()
    allowance = Allowance(25, 0.5, clock=clock)

    assert 25 == taken(allowance, "a")
    clock.now += 4
    assert 2 == taken(allowance, "a")
    clock.now += 1e6
    assert 25 == taken(allowance, "a")


def test_each_key_has_its_own() -> None:
    allowance = Allowance(3, 0.1, clock=SteadyClock())

    assert [3, 3] == [taken(allowance, key) for key in ("a", "b")]


def test_keys_are_forgotten_once_it_makes_no_difference() -> None:
    clock = SteadyClock()
    allowance = Allowance(2, 1.0, clock=clock)
    for number in range(MOST_KEYS):
        allowance.take(number)
    clock.now += 1
    taken(allowance, 7)

    allowance.take("one more")

    assert 0 == taken(allowance, 7), "what it had left is remembered"
    assert 2 == taken(allowance, 8)
