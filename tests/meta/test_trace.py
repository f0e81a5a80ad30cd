"""The trace table is complete: nothing that has to be shown is without a test or command that shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs/trace.md").read_text()
ROWS = re.findall(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \|$", TABLE, re.MULTILINE)
SCENARIOS = (1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 14, 15)


@pytest.mark.parametrize(("name", "shown_by"), [(name, shown) for name, _, shown in ROWS])
def test_something_shows_it(name: str, shown_by: str) -> None:
    assert re.search(r"`(tests/\S+::\w+|make [a-z-]+)`", shown_by), name


def test_every_promise_and_scenario_stands_in_the_table() -> None:
    names = {name for name, _, _ in ROWS}

    assert {f"G{n}" for n in range(1, 10)} | {f"S{n}" for n in SCENARIOS} <= names


def test_no_test_is_skipped_for_good() -> None:
    """A skip says which machine cannot run the test (`skipif`, or a call behind a condition), never just skip."""
    skipped = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in (ROOT / "tests").rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"@pytest\.mark\.(skip|xfail)\b(?!if)", line)
    ]

    assert [] == skipped
