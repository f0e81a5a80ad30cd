"""What `kubectl describe` shows of a TaskJob beside its status: an Event where it failed for good, and none else."""

from __future__ import annotations

import re
from typing import Any

from control_plane import ControlPlane
from live_operator import Jobs, LiveOperator, eventually

NO_DISK = {"message": "no disk at s3://user:hunter2@bucket\npassword=geheim"}
ONCE = {"maxAttempts": 1}
EVENTS = "taskjob_operator_events_total"


def events(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    return list(plane.call("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"])


def described(plane: ControlPlane, jobs: Jobs, name: str) -> list[list[str]]:
    """Type, reason, who tells it and what, of each Event, without its age."""
    text = plane.kubectl("describe", f"tj/{name}", "-n", jobs.namespace)
    lines = text.partition("\nEvents:")[2].splitlines()[3:]
    return [[word for at, word in enumerate(re.split(r" {2,}", line.strip())) if at != 2] for line in lines]


def test_describe_shows_why_it_failed(jobs: Jobs, plane: ControlPlane, operator: LiveOperator) -> None:
    jobs.create("bad", task="fail", payload=NO_DISK, retry=ONCE)
    jobs.create("refused", array={"count": 3})
    dead, refused = jobs.until("bad", "DeadLetter"), jobs.until("refused", "Rejected")

    eventually(lambda: len(events(plane, jobs.namespace)) == 2, "both Events")

    source = "taskjob.dev/operator"
    assert [["Warning", "AttemptsExhausted", source, dead["message"]]] == described(plane, jobs, "bad")
    assert [["Warning", refused["reason"], source, refused["message"]]] == described(plane, jobs, "refused")
    assert "geheim" not in str(events(plane, jobs.namespace))
    assert operator.process.poll() is None


def test_jobs_that_do_not_fail_for_good_are_no_events(jobs: Jobs, plane: ControlPlane, operator: LiveOperator) -> None:
    before = operator.metric(EVENTS)
    for number in range(20):
        jobs.create(f"sum-{number}")
    jobs.create("retried", task="fail", payload=NO_DISK, retry={"maxAttempts": 2, "backoff": {"initialSeconds": 600}})
    jobs.create("cancelled", task="nap", payload={"seconds": 600})
    jobs.until("cancelled", "Running")
    jobs.edit("cancelled", cancel=True)
    jobs.until("cancelled", "Cancelled")
    jobs.until("retried", "RetryQueued")
    for number in range(20):
        jobs.until(f"sum-{number}", "Completed")

    jobs.create("bad", task="fail", payload=NO_DISK, retry=ONCE)  # what comes last is told last
    eventually(lambda: events(plane, jobs.namespace), "its Event")

    assert ["bad"] == [one["regarding"]["name"] for one in events(plane, jobs.namespace)]
    eventually(lambda: operator.metric(EVENTS) - before == 1, "it is counted")


def test_each_run_has_an_event_and_a_later_edit_none(jobs: Jobs, plane: ControlPlane, operator: LiveOperator) -> None:
    jobs.create("bad", task="fail", payload=NO_DISK, retry=ONCE)
    uid = jobs.get("bad")["metadata"]["uid"]
    jobs.until("bad", "DeadLetter")
    jobs.edit("bad", ttlSecondsAfterFailed=3600)
    eventually(lambda: jobs.status("bad")["observedGeneration"] == 2, "the edit is answered")

    jobs.edit("bad", rerun=1)
    eventually(lambda: (1, "DeadLetter") == (jobs.status("bad")["run"], jobs.status("bad")["phase"]), "its second run")

    eventually(lambda: len(events(plane, jobs.namespace)) == 2, "an Event for each run")
    assert {uid} == {one["regarding"]["uid"] for one in events(plane, jobs.namespace)}
    assert operator.process.poll() is None
