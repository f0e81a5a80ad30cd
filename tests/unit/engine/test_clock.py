from taskjob_engine.clock import StoreClock

HOUR = 3_600_000_000


class Hands:
    """A wall and a monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.wall = 1_000 * HOUR
        self.monotonic = 5 * HOUR

    def pass_(self, micros: int) -> None:
        self.wall += micros
        self.monotonic += micros

    def clock(self, floor: int = 0) -> StoreClock:
        return StoreClock(floor=floor, wall=lambda: self.wall, monotonic=lambda: self.monotonic)


def test_it_tells_the_wall_time():
    hands = Hands()
    clock = hands.clock()
    assert clock.now() == 1_000 * HOUR
    hands.pass_(7)
    assert clock.now() == 1_000 * HOUR + 7


def test_a_jump_forward_is_followed():
    hands = Hands()
    clock = hands.clock()
    clock.now()
    hands.wall += HOUR
    assert clock.now() == 1_001 * HOUR


def test_a_jump_back_is_bridged_by_the_monotonic_clock_until_the_wall_catches_up():
    hands = Hands()
    clock = hands.clock()
    before = clock.now()
    hands.wall -= HOUR
    assert clock.now() == before
    hands.pass_(10)
    assert clock.now() == before + 10, "time goes on at its own pace"
    hands.wall += HOUR + 5
    assert clock.now() == before + 15, "the wall has caught up and leads again"


def test_it_never_tells_less_than_a_stamp_found_at_start():
    hands = Hands()
    clock = hands.clock(floor=2_000 * HOUR)
    assert clock.now() == 2_000 * HOUR
    hands.pass_(3)
    assert clock.now() == 2_000 * HOUR + 3


def test_a_pause_between_two_readings_is_no_jump():
    """The thread stands still between reading the wall and the monotonic clock, again and again."""
    hands = Hands()

    def wall() -> int:
        seen = hands.wall
        hands.pass_(50_000)
        return seen

    clock = StoreClock(wall=wall, monotonic=lambda: hands.monotonic)
    told = [clock.now() for _ in range(100)]
    assert told == sorted(told)
    assert told[-1] <= hands.wall, "hiccups must not add up to a clock that runs ahead"
