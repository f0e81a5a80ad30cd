"""An API server that errs, hangs and lies: the operator goes on in the same process and comes to the right end."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from live_operator import LiveOperator, eventually, live_operator
from live_stack import LiveStack
from scripted_cluster import ScriptedCluster

NS = "default"
_numbers = itertools.count(1)
ADD = {"task": "add", "payload": {"a": 1, "b": 2}}
NAP = {"task": "nap", "payload": {"seconds": 600}}
NOT_YET = {**ADD, "array": {"count": 3}}
PATCH = "patch taskjobs/status"


def completes(cluster: ScriptedCluster, name: str | None = None) -> None:
    """A TaskJob (a new one, where none is named) gets its outcome."""
    if name is None:
        name = f"sum-{next(_numbers)}"
        cluster.create(NS, name, **ADD)
    eventually(lambda: cluster.status(NS, name).get("phase") == "Completed", f"{name} completed")


def is_rejected(cluster: ScriptedCluster) -> None:
    """A new TaskJob that the engine refuses is told so: one status is all that it gets. One that runs gets as many as
    it has phases that last, which is for the machine to say."""
    name = f"refused-{next(_numbers)}"
    cluster.create(NS, name, **NOT_YET)
    eventually(lambda: cluster.status(NS, name).get("phase") == "Rejected", f"{name} rejected")


def phase_in_engine(engine: LiveStack, job: str) -> str:
    return str(engine.client.get(job).phase.value)


def running_job(cluster: ScriptedCluster, name: str) -> str:
    cluster.create(NS, name, **NAP)
    eventually(lambda: cluster.status(NS, name).get("phase") == "Running", f"{name} running")
    return str(cluster.status(NS, name)["jobID"])


@pytest.mark.parametrize("code", [500, 504, 429, 410])
def test_an_error_within_the_watch_begins_a_new_one_and_misses_nothing(
    cluster: ScriptedCluster, operator: LiveOperator, engine: LiveStack, code: int
) -> None:
    completes(cluster)
    job = running_job(cluster, f"gone-{code}")

    cluster.delete(NS, f"gone-{code}", unseen=True)
    cluster.break_watches("taskjobs", code)

    completes(cluster)
    eventually(lambda: phase_in_engine(engine, job) == "cancelled", "the job of the object that went unseen")
    assert operator.process.poll() is None


def test_a_list_that_shows_nothing_any_more_is_looked_into(
    cluster: ScriptedCluster, operator: LiveOperator, engine: LiveStack
) -> None:
    """Where all TaskJobs are deleted while the watch is not there, no event and no list names any of them."""
    job = running_job(cluster, "last")
    eventually(lambda: operator.metric("taskjob_operator_sweeps_total") >= 1, "the first sweep")
    cluster.delete(NS, "last", unseen=True)

    cluster.break_watches("taskjobs", 410)

    eventually(lambda: phase_in_engine(engine, job) == "cancelled", "the job of the last object")
    assert operator.process.poll() is None


def test_a_line_that_is_no_event_begins_a_new_watch(cluster: ScriptedCluster, operator: LiveOperator) -> None:
    cluster.garble_watches("taskjobs")

    completes(cluster)
    assert operator.process.poll() is None


def test_a_refused_watch_and_a_list_that_grew_too_old_begin_again(
    cluster: ScriptedCluster, operator: LiveOperator
) -> None:
    for number in range(3):
        cluster.create(NS, f"page-{number}", **ADD)
        completes(cluster, f"page-{number}")
    cluster.fail("watch taskjobs", 410)
    cluster.fail("list taskjobs", 410)
    cluster.fail("list taskjobs", 500, times=3)
    cluster.break_watches("taskjobs", 410)

    completes(cluster)
    assert operator.process.poll() is None


def test_a_watch_that_falls_silent_is_noticed_by_our_own_writes(
    cluster: ScriptedCluster, operator: LiveOperator
) -> None:
    cluster.create(NS, "long", **NAP)
    cluster.muted = True
    eventually(lambda: cluster.status(NS, "long").get("phase") == "Running", "a write whose echo is not told")
    cluster.create(NS, "unseen", **ADD)

    eventually(lambda: cluster.calls.count("watch taskjobs") > 1, "a new watch", 60)
    completes(cluster, "unseen")
    assert operator.metric("taskjob_operator_watch_restarts_total") >= 1


def test_throttling_is_obeyed(cluster: ScriptedCluster, operator: LiveOperator) -> None:
    cluster.fail(PATCH, 429, times=2, **{"Retry-After": "2"})
    asked = time.monotonic()

    is_rejected(cluster)

    assert time.monotonic() - asked >= 4
    assert 3 == cluster.calls.count(PATCH)
    eventually(lambda: operator.metric("taskjob_operator_status_writes_total") == 3, "all three are counted")


@pytest.mark.parametrize("status", [409, 500, 503, 504])
def test_a_write_that_failed_is_tried_again(cluster: ScriptedCluster, operator: LiveOperator, status: int) -> None:
    cluster.fail(PATCH, status, times=2)

    is_rejected(cluster)

    assert 3 == cluster.calls.count(PATCH)
    assert operator.process.poll() is None


def test_a_status_that_is_refused_for_good_is_not_tried_twice(cluster: ScriptedCluster, operator: LiveOperator) -> None:
    cluster.fail(PATCH, 422)
    cluster.create(NS, "refused", **NOT_YET)
    eventually(lambda: "is refused" in operator.log(), "the write")

    is_rejected(cluster)

    assert 2 == cluster.calls.count(PATCH)


def test_a_deletion_that_is_only_said_cancels_nothing(
    cluster: ScriptedCluster, operator: LiveOperator, engine: LiveStack
) -> None:
    """DELETED is a hint: a GET says that the object is there."""
    job = running_job(cluster, "there")

    cluster.say_deleted(NS, "there")
    completes(cluster)

    assert "running" == phase_in_engine(engine, job)
    assert 0 == operator.metric("taskjob_operator_jobs_disowned_total")


def test_a_definition_that_is_not_served_proves_no_deletion(
    cluster: ScriptedCluster, engine: LiveStack, operator: LiveOperator
) -> None:
    job = running_job(cluster, "kept")
    eventually(lambda: operator.metric("taskjob_operator_sweeps_total") >= 1, "the first sweep")
    swept = operator.metric("taskjob_operator_sweeps_total")
    cluster.fail("get taskjobs", 404)

    cluster.say_deleted(NS, "kept")
    eventually(lambda: operator.metric("taskjob_operator_sweeps_total") > swept, "the sweep looks into it")

    completes(cluster)
    assert "running" == phase_in_engine(engine, job)
    assert operator.process.poll() is None


def test_a_definition_that_goes_in_the_middle_of_a_sweep_ends_that_sweep_alone(
    cluster: ScriptedCluster, engine: LiveStack, operator: LiveOperator
) -> None:
    job = running_job(cluster, "lost")
    eventually(lambda: operator.metric("taskjob_operator_sweeps_total") >= 1, "the first sweep")
    cluster.fail("get taskjobs", 404)
    cluster.delete(NS, "lost", unseen=True)

    cluster.break_watches("taskjobs", 410)

    eventually(lambda: phase_in_engine(engine, job) == "cancelled", "a later sweep")
    assert operator.process.poll() is None


def test_a_finished_taskjob_is_deleted_when_its_time_is_over(cluster: ScriptedCluster, operator: LiveOperator) -> None:
    cluster.create(NS, "brief", **ADD, ttlSecondsAfterFinished=1)

    eventually(lambda: not cluster.exists(NS, "brief"), "it is deleted")
    eventually(lambda: operator.metric("taskjob_operator_taskjobs_deleted_total") == 1, "it is counted")


def test_an_object_that_cannot_be_read_troubles_no_other(cluster: ScriptedCluster, operator: LiveOperator) -> None:
    cluster.create(NS, "odd", rerun="many", **ADD)

    completes(cluster)
    assert operator.metric("taskjob_operator_malformed_objects_total") >= 1


def test_a_definition_that_is_removed_and_comes_back_is_watched_again(
    cluster: ScriptedCluster, operator: LiveOperator
) -> None:
    completes(cluster)
    cluster.fail("list taskjobs", 404, times=1000)
    cluster.break_watches("taskjobs", 410)
    eventually(lambda: "the definition of taskjobs is not installed" in operator.log(), "it is missed")

    cluster.mend("list taskjobs")

    completes(cluster)
    assert operator.process.poll() is None


def test_a_missing_definition_is_waited_for(cluster: ScriptedCluster, engine: LiveStack, tmp_path: Path) -> None:
    cluster.fail("list taskjobs", 404, times=2)
    with live_operator(tmp_path, cluster.kubeconfig(tmp_path), engine.url, LEASE_SECONDS="30") as running:
        running.wait_ready()
        completes(cluster)
        assert "the definition of taskjobs is not installed" in running.log()
