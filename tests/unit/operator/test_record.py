"""What is remembered of a TaskJob from one look to the next."""

from __future__ import annotations

from typing import Any

import pytest
from operator_jobs import raw_object, record

from taskjob_operator.record import look

DONE = {"phase": "Completed", "reason": "Completed", "observedGeneration": 1, "revision": 3}


def says(phase: str) -> dict[str, Any]:
    return {"phase": phase, "reason": phase, "revision": 1, "run": 0}


def test_a_status_is_taken_from_the_latest_version_that_was_seen() -> None:
    one = record(version=10, status=says("Queued"))

    one.see(look(raw_object(version=9, status=says("Submitted"))))
    assert (10, "Queued") == (one.version, one.written.phase)

    one.see(look(raw_object(version=11, status=says("Running"))))
    assert (11, "Running") == (one.version, one.written.phase)


@pytest.mark.parametrize(("rerun", "run", "settled"), [(0, 0, True), (1, 0, False), (1, 1, True), (1, 2, True)])
def test_a_finished_taskjob_is_settled_unless_another_run_is_asked_for(rerun: int, run: int, settled: bool) -> None:
    assert settled is record(spec={"rerun": rerun}, status=DONE | {"run": run}).settled
