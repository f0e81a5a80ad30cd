"""`kubectl delete` in every phase: the object is gone at once, its job is cancelled, whether or not anybody looks."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_operator import Jobs, LiveOperator, Stack, eventually
from taskjob_phases import PHASES, as_they_should_end, in_every_phase

pytestmark = pytest.mark.usefixtures("operator")


def test_a_deleted_taskjob_cancels_its_job_in_every_phase(jobs: Jobs, stack: Stack) -> None:
    in_every_phase(jobs)

    for name in PHASES:
        jobs.delete(name)

    assert [] == jobs.all()
    eventually(as_they_should_end(jobs, stack), "every job that lived is cancelled")


def test_a_name_that_is_used_again_waits_for_its_predecessor(jobs: Jobs, stack: Stack) -> None:
    jobs.create("daily", task="nap", payload={"seconds": 600})
    first = jobs.until("daily", "Running")["jobID"]

    jobs.delete("daily")
    jobs.create("daily")

    done = jobs.until("daily", "Completed")
    assert first != done["jobID"]
    old = next(one for one in stack.engine_jobs(jobs.namespace) if one["id"] == first)
    new = next(one for one in stack.engine_jobs(jobs.namespace) if one["id"] == done["jobID"])
    assert "cancelled" == old["phase"]
    assert old["finishedAt"] <= new["createdAt"]


def disowned(operator: LiveOperator) -> float:
    """How many TaskJobs the operator has taken leave of."""
    return operator.metric("taskjob_operator_jobs_disowned_total")


def test_a_key_that_is_known_shows_its_job_and_deleting_the_mirror_cancels_nothing(
    jobs: Jobs, stack: Stack, operator: LiveOperator, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    spec = {"task": "wait_for", "payload": {"path": str(end)}, "idempotencyKey": "cats"}
    jobs.create("owner", **spec)
    job = jobs.until("owner", "Running")["jobID"]
    jobs.create("mirror", **spec)
    jobs.create("other-mirror", **spec)
    assert job == jobs.until("mirror", "Running")["jobID"] == jobs.until("other-mirror", "Running")["jobID"]

    before = disowned(operator)
    jobs.delete("mirror")
    eventually(lambda: disowned(operator) > before, "its leave")
    end.touch()

    assert jobs.until("owner", "Completed")["jobID"] == jobs.until("other-mirror", "Completed")["jobID"]
    assert 1 == len(stack.engine_jobs(jobs.namespace))


def test_deleting_the_owner_passes_the_job_on(jobs: Jobs, stack: Stack, operator: LiveOperator, tmp_path: Path) -> None:
    end = tmp_path / "end"
    spec = {"task": "wait_for", "payload": {"path": str(end)}, "idempotencyKey": "dogs"}
    jobs.create("owner", **spec)
    jobs.until("owner", "Running")
    jobs.create("heir", **spec)
    jobs.until("heir", "Running")

    before = disowned(operator)
    jobs.delete("owner")
    eventually(lambda: disowned(operator) > before, "its leave")
    end.touch()

    assert "rested" in jobs.until("heir", "Completed")["result"]
    assert 1 == len(stack.engine_jobs(jobs.namespace))


def test_another_document_under_a_known_key_is_rejected(jobs: Jobs) -> None:
    jobs.create("one", payload={"a": 1, "b": 1}, idempotencyKey="sum")
    jobs.until("one", "Completed")
    jobs.create("two", payload={"a": 2, "b": 2}, idempotencyKey="sum")

    assert "KeyConflict" == jobs.until("two", "Rejected")["reason"]


def test_a_job_submitted_by_rest_is_shown_to_its_end(jobs: Jobs, stack: Stack) -> None:
    spec = {"task": "nap", "payload": {"seconds": 2}, "idempotencyKey": "by-rest"}
    submitted = stack.submit(jobs.namespace, spec)
    jobs.create("shown", **spec)

    assert submitted["id"] == jobs.until("shown", "Completed")["jobID"]
