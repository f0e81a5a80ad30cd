import pytest

from taskjob_engine.holdoff import HoldOff

SECOND = 1_000_000
TTL = 15


class Clocks:
    def __init__(self) -> None:
        self.store = 10**15
        self.monotonic = 10**9
        self.holdoff = HoldOff(TTL, store_clock=lambda: self.store, monotonic=lambda: self.monotonic)

    def calm(self, seconds: int) -> None:
        """Time passes and the watchdog looks every second."""
        for _ in range(seconds):
            self.store += SECOND
            self.monotonic += SECOND
            self.holdoff.observe()


@pytest.fixture
def clocks() -> Clocks:
    clocks = Clocks()
    clocks.holdoff.start()
    return clocks


@pytest.fixture
def settled(clocks: Clocks) -> Clocks:
    clocks.calm(TTL)
    assert clocks.holdoff.remaining_seconds() == 0.0
    return clocks


def test_start_holds_off_for_one_ttl(clocks):
    assert clocks.holdoff.remaining_seconds() == TTL
    assert clocks.holdoff.cause == "Start"
    clocks.calm(TTL - 1)
    assert clocks.holdoff.remaining_seconds() == 1.0
    clocks.calm(1)
    assert clocks.holdoff.remaining_seconds() == 0.0
    assert clocks.holdoff.cause is None


def test_a_calm_day_never_holds_off(settled):
    for _ in range(24 * 60):
        settled.calm(60)
        assert settled.holdoff.remaining_seconds() == 0.0


def test_each_failure_of_the_store_begins_the_ttl_again(settled):
    settled.holdoff.outage()
    settled.calm(10)
    settled.holdoff.outage()
    assert settled.holdoff.remaining_seconds() == TTL
    assert settled.holdoff.cause == "StoreOutage"
    settled.calm(TTL)
    assert settled.holdoff.remaining_seconds() == 0.0


@pytest.mark.parametrize(("stalled", "held"), [(4.9, 0), (5.1, TTL), (60, TTL)])
def test_a_loop_that_stood_still_over_a_third_of_the_ttl(settled, stalled, held):
    settled.store += int(stalled * SECOND)
    settled.monotonic += int(stalled * SECOND)
    assert settled.holdoff.remaining_seconds() == held, "asked before the watchdog could look"
    assert settled.holdoff.cause == ("EventLoopStall" if held else None)


@pytest.mark.parametrize("jump", [3600, 5.1, -5.1, -3600])
def test_clocks_that_part_by_more_than_five_seconds(settled, jump):
    settled.calm(1)
    settled.store += int(jump * SECOND)
    assert settled.holdoff.remaining_seconds() == TTL
    assert settled.holdoff.cause == "ClockJump"
    settled.calm(TTL)
    assert settled.holdoff.remaining_seconds() == 0.0, "one jump holds off once"


@pytest.mark.parametrize("drift", [4.9, -4.9])
def test_a_small_step_of_the_clock_is_tolerated(settled, drift):
    settled.store += int(drift * SECOND)
    assert settled.holdoff.remaining_seconds() == 0.0


@pytest.mark.parametrize(("seconds", "held"), [(4.9, 0), (5.1, TTL)])
def test_a_store_that_answers_too_late_was_away(settled, seconds, held):
    with settled.holdoff.timing():
        for _ in range(10):
            settled.store += int(seconds * SECOND / 10)
            settled.monotonic += int(seconds * SECOND / 10)
            settled.holdoff.observe()
    assert settled.holdoff.remaining_seconds() == held
    assert settled.holdoff.cause == ("StoreOutage" if held else None)


def test_skipped_time_is_told_for_a_day(settled):
    settled.store -= 100 * SECOND
    assert settled.holdoff.skipped_seconds() == 0.0, "a jump back skips nothing"
    settled.store += 3600 * SECOND
    assert settled.holdoff.skipped_seconds() == 3600.0
    settled.calm(1000)
    settled.store += 60 * SECOND
    assert settled.holdoff.skipped_seconds() == 3660.0
    settled.calm(86_400 - 1000)
    assert settled.holdoff.skipped_seconds() == 60.0
    settled.calm(1000)
    assert settled.holdoff.skipped_seconds() == 0.0


def test_trouble_during_hold_off_prolongs_it(clocks):
    clocks.calm(10)
    clocks.store += 3600 * SECOND
    assert clocks.holdoff.remaining_seconds() == TTL
