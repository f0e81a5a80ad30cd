"""What TaskJobs are told of their queue: slowly, so that a trouble that comes and goes is told once."""

from __future__ import annotations

import msgspec
import pytest

from taskjob.wire.operator_messages import QueueNumbers
from taskjob_operator.queues.pool import Pool
from taskjob_operator.queues.stoppages import OVER_SECONDS, STANDS_SECONDS, UNKNOWN_SECONDS, Stoppages, stoppage
from taskjob_operator.queues.trouble import Trouble

KEY = ("media", "images")
IMAGE = Trouble(reason="ImagePullBackOff", message="not found")
CRASH = Trouble(reason="CrashLoopBackOff", message="exit 1")
QUOTA = Trouble(reason="QuotaExceeded", message="pods: 1")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Told:
    """A queue that was looked at once, and was well."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stoppages = Stoppages(clock=self.clock)
        self.stoppages.saw(KEY, None)

    def after(self, seconds: float, seen: Trouble | None) -> str | None:
        """The reason that TaskJobs give after so long, where this is what every look finds."""
        for _ in range(10):
            self.clock.now += seconds / 10
            self.stoppages.saw(KEY, seen)
        told = self.stoppages.of(*KEY)
        return None if told is None else told.reason


def test_a_trouble_is_told_when_it_has_stood_and_taken_back_when_it_was_away_for_longer() -> None:
    told = Told()

    assert told.after(STANDS_SECONDS - 1, IMAGE) is None
    assert told.after(3, IMAGE) == "ImagePullBackOff"
    assert told.after(OVER_SECONDS - 1, None) == "ImagePullBackOff"
    assert told.after(7, None) is None


def test_workers_that_start_and_crash_again_are_told_once() -> None:
    told = Told()
    told.after(STANDS_SECONDS * 2, CRASH)

    reasons = {told.after(seconds, seen) for _ in range(20) for seconds, seen in ((50, None), (300, CRASH), (3, IMAGE))}

    assert reasons == {"CrashLoopBackOff"}


def test_another_trouble_takes_the_place_of_the_first_after_as_long() -> None:
    told = Told()
    told.after(STANDS_SECONDS * 2, IMAGE)

    assert told.after(OVER_SECONDS - 1, CRASH) == "ImagePullBackOff"
    assert told.after(10, CRASH) == "CrashLoopBackOff"


def test_words_that_change_are_no_other_trouble() -> None:
    told = Told()
    told.after(STANDS_SECONDS * 2, IMAGE)

    told.after(OVER_SECONDS * 2, msgspec.structs.replace(IMAGE, message="back-off pulling"))

    assert told.stoppages.of(*KEY) == IMAGE


def test_the_first_look_is_believed_and_nothing_is_said_before_it() -> None:
    clock = Clock()
    stoppages = Stoppages(clock=clock)

    assert not stoppages.knows(*KEY)
    stoppages.saw(KEY, IMAGE)

    assert stoppages.knows(*KEY)
    assert stoppages.of(*KEY) == IMAGE


def test_the_trouble_of_one_queue_is_none_of_its_namesakes() -> None:
    stoppages = Stoppages(clock=Clock())
    stoppages.saw(KEY, IMAGE)
    stoppages.saw(("films", "images"), CRASH)

    assert (IMAGE, CRASH, None) == tuple(stoppages.of(name, "images") for name in ("media", "films", "music"))


def test_a_queue_without_a_taskqueue_stops_nobody() -> None:
    clock = Clock()
    stoppages = Stoppages(clock=clock)
    stoppages.saw(KEY, IMAGE)

    stoppages.gone(KEY)
    assert stoppages.knows(*KEY)
    assert stoppages.of(*KEY) is None
    clock.now += UNKNOWN_SECONDS + 1
    stoppages.saw(KEY, IMAGE)
    stoppages.gone(KEY)
    assert stoppages.of(*KEY) is None
    assert stoppages.knows("media", "never-seen")
    assert stoppages.of("media", "never-seen") is None


@pytest.mark.parametrize(
    ("ready", "connected", "refused", "stops"),
    [
        (0, 0, None, QUOTA),
        (1, 0, None, None),
        (0, 1, None, None),
        (0, 0, IMAGE, IMAGE),
        (1, 1, IMAGE, None),
    ],
)
def test_a_queue_that_somebody_serves_is_not_stopped(
    ready: int, connected: int, refused: Trouble | None, stops: Trouble | None
) -> None:
    pool = Pool(declared=True, desired=3, ready=ready, trouble=QUOTA)
    numbers = QueueNumbers(namespace="media", name="images", workers=connected)

    assert stops == stoppage(pool, numbers, refused)
