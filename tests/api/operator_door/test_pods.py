"""pods/ended: the attempts of a dead pod end at once, and say of what it died."""

from __future__ import annotations

import pytest
from operator_side import declared

from taskjob_engine.store import JobRef


def pod(uid="p1", **more):
    return {"namespace": "default", "name": f"images-{uid}", "uid": uid, "reason": "OOMKilled"} | more


async def ended(operator, *pods):
    return (await operator.told("pods/ended", {"pods": pods}))["sessions"]


async def test_a_killed_pods_jobs_run_again_at_once_and_say_why(api, operator, world):
    worker = await world.worker(principal="pod:p1")
    job = (await operator.ensure_one())["job"]["id"]
    await worker.start(await worker.lease_one())

    sessions = await ended(operator, pod(message="memory limit 256Mi"), pod("p2"))
    told = (await operator.ensure_one())["job"]
    [attempt] = await api.engine.attempts(JobRef(namespace="default", id=job))

    assert sessions == [1, 0]
    assert (told["phase"], told["lost"], told["lastError"]) == (
        "queued",
        1,
        {"type": "OOMKilled", "message": "pod default/images-p1: memory limit 256Mi"},
    )
    assert (attempt.outcome, attempt.error.type) == ("lost", "OOMKilled")
    assert 'taskjob_leases_expired_total{kind="lost"} 1.0' in (await api.call("GET", "/metrics")).text


async def test_the_same_news_again_changes_nothing(operator, world):
    worker = await world.worker(principal="pod:p1")
    await operator.ensure_one()
    await worker.start(await worker.lease_one())

    assert [await ended(operator, pod()), await ended(operator, pod())] == [[1], [0]]
    assert (await operator.ensure_one())["job"]["lost"] == 1


async def test_a_pod_that_said_goodbye_costs_nothing(operator, world):
    worker = await world.worker(principal="pod:p1")
    await operator.ensure_one()
    await worker.start(await worker.lease_one())
    await worker.close(release=True)

    assert await ended(operator, pod(reason="PodDeleted")) == [0]
    assert (await operator.ensure_one())["job"].get("lost", 0) == 0


async def test_another_token_of_the_same_name_is_no_pod(operator, world):
    worker = await world.worker(principal="token:p1")
    await operator.ensure(declared())
    await worker.lease_one()

    assert await ended(operator, pod()) == [0]


@pytest.mark.parametrize("more", [{"reason": "Bored"}, {"uid": ""}, {"namespace": "*"}, {"message": "x" * 2000}])
async def test_news_that_no_cluster_tells_are_refused(operator, more):
    assert (await operator.post("pods/ended", {"pods": [pod(**more)]})).status_code == 422
