"""What an api says once in a blue moon: a new life of the store, pruned jobs, refusals, a bad request in a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_operator import LiveOperator, eventually, live_operator
from own_thread import running
from scripted_cluster import ScriptedCluster
from scripted_door import ScriptedDoor
from scripted_operator import scripted_operator

from taskjob.model import Phase, Reason
from taskjob.wire import operator_messages as wire

NS = "media"
DONE = {"reason": Reason.COMPLETED, "finished_at": 1_800_000_001_000_000, "attempts": 1}


@pytest.fixture
def door() -> Iterator[ScriptedDoor]:
    with ScriptedDoor().running() as running:
        yield running


@pytest.fixture
def operator(cluster: ScriptedCluster, door: ScriptedDoor, tmp_path: Path) -> Iterator[LiveOperator]:
    """It serves one namespace, and has a token."""
    token = tmp_path / "token"
    token.write_text("first\n")
    settings = {"WATCH_NAMESPACES": NS, "API_TOKEN_FILE": str(token), "SWEEP_CONFIRM_SECONDS": "0.2"}
    with scripted_operator(cluster, tmp_path, door.url, **settings) as running:
        yield running


def says(cluster: ScriptedCluster, name: str, **expected: Any) -> None:
    """Until the status says so."""

    def reached() -> bool:
        status = cluster.status(NS, name)
        return all(status.get(field) == value for field, value in expected.items())

    eventually(reached, f"{name}: {expected}")


def finished(cluster: ScriptedCluster, door: ScriptedDoor, name: str) -> str:
    """A TaskJob with an outcome; its uid."""
    says(cluster, name, phase="Queued")
    uid = door.uid_of(name)
    door.change(uid, Phase.COMPLETED, **DONE)
    says(cluster, name, phase="Completed")
    return uid


@pytest.mark.usefixtures("operator")
def test_a_new_life_of_the_store_is_told_all_that_lives_and_nothing_that_has_finished(
    cluster: ScriptedCluster, door: ScriptedDoor
) -> None:
    cluster.create(NS, "done", task="any")
    cluster.create(NS, "lives", task="any")
    finished(cluster, door, "done")
    says(cluster, "lives", incarnation="life-1")

    door.incarnation = "life-2"
    door.jobs.clear()

    says(cluster, "lives", incarnation="life-2", phase="Queued")
    assert "life-1" == door.told[-1][-1].known_incarnation
    assert 1 == door.times_told("done")
    assert "Completed" == cluster.status(NS, "done")["phase"]


@pytest.mark.usefixtures("operator")
def test_an_edit_of_a_finished_taskjob_never_makes_its_job_anew(cluster: ScriptedCluster, door: ScriptedDoor) -> None:
    cluster.create(NS, "done", task="any")
    finished(cluster, door, "done")
    cluster.create(NS, "lives", task="any")
    door.incarnation = "life-2"
    door.verdict = lambda declared: wire.EnsuredJob(outcome="expired") if declared.owner.name == "done" else None
    says(cluster, "lives", incarnation="life-2")

    cluster.edit(NS, "done", ttlSecondsAfterFinished=86_400)

    says(cluster, "done", observedGeneration=2, phase="Completed")
    assert "life-2" == door.told[-1][0].known_incarnation


@pytest.mark.usefixtures("operator")
def test_an_unread_outcome_of_a_pruned_job_is_expired_for_good(cluster: ScriptedCluster, door: ScriptedDoor) -> None:
    cluster.create(NS, "slow", task="any")
    says(cluster, "slow", phase="Queued")
    door.verdict = lambda _: wire.EnsuredJob(outcome="expired")

    job = door.change(door.uid_of("slow"), None)

    says(cluster, "slow", reason="Expired", phase="Queued")
    eventually(lambda: (job, 1) in door.acknowledged, "the row")
    times = door.times_told("slow")
    cluster.break_watches("taskjobs", 410)
    cluster.create(NS, "another", task="any")
    eventually(lambda: door.times_told("another"), "the next")
    assert times == door.times_told("slow")


def test_a_taskjob_with_a_generated_name_goes_with_its_job_and_a_named_one_stays(
    cluster: ScriptedCluster, door: ScriptedDoor, operator: LiveOperator
) -> None:
    cluster.create(NS, "named", task="any")
    cluster.create(NS, "job-x7k2p", metadata={"generateName": "job-"}, task="any")
    uids = [finished(cluster, door, name) for name in ("named", "job-x7k2p")]

    jobs = [door.change(uid, None) for uid in uids]

    eventually(lambda: not cluster.exists(NS, "job-x7k2p"), "it is deleted")
    eventually(lambda: {job for job, _ in door.acknowledged} >= set(jobs), "both rows")
    assert cluster.exists(NS, "named")
    assert 1 == operator.metric("taskjob_operator_taskjobs_deleted_total")


@pytest.mark.usefixtures("operator")
def test_an_outcome_is_acknowledged_after_it_is_written(cluster: ScriptedCluster, door: ScriptedDoor) -> None:
    cluster.create(NS, "one", task="any")
    says(cluster, "one", phase="Queued")
    cluster.fail("patch taskjobs/status", 500, times=1000)
    tried = cluster.calls.count("patch taskjobs/status")

    job = door.change(door.uid_of("one"), Phase.COMPLETED, **DONE)
    eventually(lambda: cluster.calls.count("patch taskjobs/status") >= tried + 2, "tries")
    assert job not in {acknowledged for acknowledged, _ in door.acknowledged}

    cluster.mend("patch taskjobs/status")
    says(cluster, "one", phase="Completed")
    eventually(lambda: job in {acknowledged for acknowledged, _ in door.acknowledged}, "the row")


@pytest.mark.usefixtures("operator")
def test_what_is_put_off_says_why_and_is_told_again(cluster: ScriptedCluster, door: ScriptedDoor) -> None:
    put_off = wire.EnsuredJob(outcome="deferred", code="QuotaExceeded", detail="1000 live jobs in images")
    door.verdict = lambda _: put_off
    cluster.create(NS, "one", task="any")
    says(cluster, "one", reason="QuotaExceeded", phase="Submitted", message="1000 live jobs in images")
    eventually(lambda: door.times_told("one") >= 3, "it is told again")

    door.verdict = lambda _: None

    says(cluster, "one", phase="Queued")


@pytest.mark.usefixtures("operator")
def test_one_bad_request_in_a_batch_harms_no_other(cluster: ScriptedCluster, door: ScriptedDoor) -> None:
    def refuse(path: str, request: Any) -> tuple[int, str] | None:
        if path == "jobs/ensure" and any(one.owner.name == "bad" for one in request.jobs):
            return 422, "Invalid"
        return None

    door.refuse = lambda _path, _request: (503, "Unavailable")
    for name in ("a", "bad", "b", "c"):
        cluster.create(NS, name, task="any")
    eventually(lambda: len(door.tokens) > 3, "tries")
    door.refuse = refuse

    for name in ("a", "b", "c"):
        says(cluster, name, phase="Queued")
    says(cluster, "bad", phase="Rejected", reason="Invalid")


def test_a_token_that_was_replaced_is_read_again(
    cluster: ScriptedCluster, door: ScriptedDoor, operator: LiveOperator, tmp_path: Path
) -> None:
    cluster.create(NS, "one", task="any")
    says(cluster, "one", phase="Queued")
    assert {"Bearer first"} == set(door.tokens)

    (tmp_path / "token").write_text("second\n")
    door.refuse = lambda _path, _request: (401, "Unauthenticated") if door.tokens[-1] == "Bearer first" else None
    cluster.create(NS, "two", task="any")

    says(cluster, "two", phase="Queued")
    assert "second" not in operator.log()


@pytest.mark.usefixtures("operator")
def test_a_new_object_under_an_old_name_waits_until_the_old_job_has_ended(
    cluster: ScriptedCluster, door: ScriptedDoor
) -> None:
    cluster.create(NS, "daily", task="any")
    says(cluster, "daily", phase="Queued")
    old = door.uid_of("daily")

    cluster.delete(NS, "daily")
    cluster.create(NS, "daily", task="any")

    says(cluster, "daily", reason="PredecessorStopping", phase="Submitted")
    eventually(lambda: door.disowned, "its predecessor is disowned")
    assert [old] == [one.owner.uid for one in door.disowned][:1]
    assert 1 == door.times_told("daily")

    door.change(old, Phase.CANCELLED, reason=Reason.CANCEL_REQUESTED, finished_at=1_800_000_001_000_000)
    says(cluster, "daily", phase="Queued")


@pytest.mark.usefixtures("operator")
def test_a_rerun_asked_for_while_the_job_runs_begins_after_it(cluster: ScriptedCluster, door: ScriptedDoor) -> None:
    cluster.create(NS, "again", task="any")
    says(cluster, "again", phase="Queued")
    cluster.edit(NS, "again", rerun=1)
    says(cluster, "again", observedGeneration=2)
    times = door.times_told("again")

    door.change(door.uid_of("again"), Phase.COMPLETED, **DONE)

    eventually(lambda: door.times_told("again") > times, "it is told once more")


@pytest.mark.usefixtures("operator")
def test_a_status_that_a_stranger_changed_is_set_back_without_a_fight(
    cluster: ScriptedCluster, door: ScriptedDoor
) -> None:
    cluster.create(NS, "one", task="any")
    says(cluster, "one", phase="Queued")
    writes = cluster.calls.count("patch taskjobs/status")

    cluster.set_status(NS, "one", {"phase": "Running", "reason": "Mine"})

    says(cluster, "one", phase="Queued", reason="Queued")
    assert writes + 1 == cluster.calls.count("patch taskjobs/status")


class HangingUp:
    """Takes each call and ends it without a word."""

    def __init__(self) -> None:
        self.calls = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._hang_up, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()

    def _hang_up(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        writer.transport.abort()


def test_an_api_that_hangs_up_is_told_once_by_each_part_that_asks(cluster: ScriptedCluster, tmp_path: Path) -> None:
    with (
        running(HangingUp()) as api,
        live_operator(tmp_path, cluster.kubeconfig(tmp_path), api.url, LEASE_SECONDS="30") as operator,
    ):
        eventually(lambda: api.calls >= 25, "many tries")
        told = [
            line.split("no answer from the api")[0].split(",", 1)[1][4:]
            for line in operator.log().splitlines()
            if "no answer from the api" in line
        ]

    assert any("the queues that the api knows could not be read" in line for line in told)
    assert sorted(set(told)) == sorted(told)
