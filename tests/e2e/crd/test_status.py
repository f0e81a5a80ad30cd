"""Which writes of a status the API server itself refuses: those of a writer that is behind."""

from __future__ import annotations

from typing import Any

import pytest
from kube_objects import Objects, RefusedError

LIFE = "0f3c9f3a6b1e4d0f9a51c8c6b1f0aa12"
TERMINAL = ("Completed", "DeadLetter", "Cancelled", "Rejected")


def status(phase: str = "Running", *, revision: int = 10, run: int = 1, **more: Any) -> dict[str, Any]:
    return {"phase": phase, "incarnation": LIFE, "run": run, "revision": revision, **more}


@pytest.fixture
def job(jobs: Objects) -> dict[str, Any]:
    return jobs.create({"task": "media.resize"})


def refusal(jobs: Objects, job: dict[str, Any], written: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as caught:
        jobs.write_status(job, written)
    assert 422 == caught.value.status
    return caught.value.message


@pytest.mark.parametrize(
    "newer",
    [
        status(revision=10),
        status(revision=11),
        status(revision=3, run=2),
        status(revision=1, run=0, incarnation="another"),
    ],
    ids=["repeated", "revision", "run", "incarnation"],
)
def test_a_newer_status_replaces_an_older_one(jobs: Objects, job: dict[str, Any], newer: dict[str, Any]) -> None:
    jobs.write_status(job, status())

    assert newer == jobs.write_status(job, newer)["status"]


@pytest.mark.parametrize(
    ("older", "words"),
    [
        (status(revision=9), "newer run or revision"),
        (status(revision=99, run=0), "newer run or revision"),
        ({"phase": "Running", "incarnation": LIFE, "run": 1}, "newer run or revision"),
        ({"phase": "Running", "incarnation": LIFE, "revision": 99}, "newer run or revision"),
        ({"phase": "Running", "run": 1, "revision": 11}, "the incarnation is missing"),
        ({"incarnation": LIFE, "run": 1, "revision": 11}, "status.phase: Required value"),
    ],
    ids=["revision", "run", "no-revision", "no-run", "no-incarnation", "no-phase"],
)
def test_an_older_status_is_refused(jobs: Objects, job: dict[str, Any], older: dict[str, Any], words: str) -> None:
    jobs.write_status(job, status())

    assert words in refusal(jobs, job, older)
    assert status() == jobs.get(job["metadata"]["name"])["status"]


@pytest.mark.parametrize("end", TERMINAL)
@pytest.mark.parametrize("later", ["Submitted", "Queued", "Running", "Cancelled", "Completed"])
def test_an_end_is_left_by_a_rerun_only(jobs: Objects, job: dict[str, Any], end: str, later: str) -> None:
    jobs.write_status(job, status(end))
    if later != end:
        assert "a finished run stays finished" in refusal(jobs, job, status(later, revision=99))
        assert "a finished run stays finished" in refusal(jobs, job, status(later, revision=99, incarnation="another"))

    jobs.write_status(job, status(end, revision=11))
    assert later == jobs.write_status(job, status(later, run=2, revision=1))["status"]["phase"]


def test_a_status_cannot_be_removed_to_begin_anew(jobs: Objects, job: dict[str, Any]) -> None:
    jobs.write_status(job, status("Completed"))

    with pytest.raises(RefusedError) as caught:
        jobs.patch_status(job, {"op": "remove", "path": "/status"})
    assert 422 == caught.value.status
    with pytest.raises(RefusedError):
        jobs.patch_status(job, {"op": "replace", "path": "/status", "value": {}})
    assert "Completed" == jobs.get(job["metadata"]["name"])["status"]["phase"]


def test_a_write_for_an_object_that_was_replaced_is_refused(jobs: Objects, job: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        jobs.write_status(job, status(), uid="00000000-0000-0000-0000-000000000000")

    assert "Submitted" == jobs.get(job["metadata"]["name"])["status"]["phase"]


def test_an_edit_of_the_spec_neither_needs_nor_changes_a_status(jobs: Objects, job: dict[str, Any]) -> None:
    jobs.write_status(job, status("Completed"))

    assert status("Completed") == jobs.merge(job, {"priority": 5})["status"]
    assert 2 == jobs.get(job["metadata"]["name"])["metadata"]["generation"]


def test_the_largest_status_is_within_its_bounds(jobs: Objects, job: dict[str, Any]) -> None:
    large = status(
        message="m" * 512,
        result="r" * 1024,
        lastError="e" * 1024,
        progress="p" * 256,
        artifacts=[{"name": f"{n:0>128}", "sizeBytes": 2**40} for n in range(16)],
        conditions=[{"type": f"A{n}", "status": "True", "message": "c" * 512} for n in range(5)],
    )

    assert large == jobs.write_status(job, large)["status"]
    assert "status.result" in refusal(jobs, job, status(revision=11, result="r" * 1025))
    assert "status.artifacts" in refusal(jobs, job, status(revision=11, artifacts=[{"name": "a"}] * 17))
    assert "status.phase" in refusal(jobs, job, status("Failed", revision=11))


def test_a_queue_shows_its_numbers(queues: Objects) -> None:
    queue = queues.create({"worker": {"image": "a"}})
    numbers = {
        "state": "Active",
        "replicas": 7,
        "selector": "taskjob.dev/queue=images",
        "workers": "6/7",
        "pausedBy": ["spec", "api"],
        "lastScale": {"from": 0, "to": 7, "reason": "Manual", "message": "0 -> 7"},
    }

    assert numbers == queues.write_status(queue, numbers)["status"]
    scale = queues.scale(queue["metadata"]["name"])
    assert ({"replicas": 1}, 7, "taskjob.dev/queue=images") == (
        scale["spec"],
        scale["status"]["replicas"],
        scale["status"]["selector"],
    )
