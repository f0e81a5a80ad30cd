"""Numbers, times and durations as people read and write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from taskjob.cli import words
from taskjob.cli.durations import DURATION, MOMENT
from taskjob.cli.names import born_at
from taskjob.client.views import JobView
from taskjob.model import Phase, new_job_id
from taskjob.model.spans import span


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "<1ms"),
        (0.0004, "<1ms"),
        (0.0254, "25ms"),
        (1, "1s"),
        (2.54, "2.5s"),
        (59, "59s"),
        (60, "1m"),
        (312, "5m12s"),
        (3600, "1h"),
        (12_000, "3h20m"),
        (86_400, "1d"),
        (367_200, "4d6h"),
    ],
)
def test_spans(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("1.5s", 1.5), ("200ms", 0.2), ("5m", 300.0), ("2h", 7200.0), ("1d", 86_400.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "m", "5 m", "-1s", "5w", "soon"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write it like"):
        DURATION.convert(text, None, None)


def test_moments() -> None:
    assert MOMENT.convert("2026-11-23T06:00:00Z", None, None) == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert timedelta(minutes=4) < MOMENT.convert("5m", None, None) - datetime.now(UTC) <= timedelta(minutes=5)
    with pytest.raises(click.BadParameter):
        MOMENT.convert("2026-11-23T06:00:00", None, None)


def test_the_attempt_that_runs_is_counted() -> None:
    waiting = JobView(id="x", attempts=1, phase=Phase.RETRY_QUEUED, retry={"maxAttempts": 3})
    running = JobView(id="x", attempts=1, phase=Phase.RUNNING, retry={"maxAttempts": 3})

    assert (words.attempt(waiting), words.attempt(running)) == ("1/3", "2/3")


def test_an_id_tells_when_it_was_born() -> None:
    before = datetime.now(UTC)
    born = born_at(new_job_id())

    assert before - timedelta(milliseconds=1) <= born <= datetime.now(UTC)
    assert words.one_line("a\n  b " + "c" * 200, 10) == "a b ccccc…"
