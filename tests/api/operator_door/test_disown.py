"""jobs/disown: the object is gone; its job goes with it, or to its heir."""

from __future__ import annotations

import pytest
from operator_side import declared, owner

from taskjob.model import Phase
from taskjob_engine.store import JobRef


async def phase(api, job):
    return (await api.engine.get(JobRef(namespace="default", id=job))).phase


async def made(operator, uid="u1", **spec):
    return (await operator.ensure_one(uid, **spec))["job"]["id"]


async def test_a_waiting_job_is_cancelled_and_a_repeat_finds_it_finished(api, operator):
    job = await made(operator)

    assert [await operator.disown(job), await operator.disown(job)] == ["cancelled", "finished"]
    assert await phase(api, job) is Phase.CANCELLED


async def test_a_running_job_is_told_to_stop_and_ends_when_its_worker_says_so(api, operator, world):
    job = await made(operator)
    worker = await world.worker()
    grant = await worker.lease_one()

    assert [await operator.disown(job), await operator.disown(job)] == ["cancelled", "cancelled"]
    assert await phase(api, job) is Phase.ASSIGNED
    await worker.complete(grant)
    assert await phase(api, job) is Phase.CANCELLED


async def test_a_finished_job_stays_as_it_is(api, operator, world):
    job = await made(operator)
    worker = await world.worker()
    await worker.complete(await worker.lease_one())

    assert await operator.disown(job) == "finished"
    assert await phase(api, job) is Phase.COMPLETED


async def test_only_the_owner_can_let_go(api, operator):
    job = await made(operator, idempotencyKey="k")
    by_rest = await api.submit()
    mirror = await operator.ensure_one("u2", idempotencyKey="k")

    assert mirror["outcome"] == "mirrored"
    assert await operator.disown(job, "u2") == "not_owned"
    assert await operator.disown(job, "u2", heir=owner("u3")) == "not_owned"
    assert await operator.disown(by_rest) == "not_owned"
    assert await operator.disown("0" * 32) == "not_owned"
    assert [await phase(api, job), await phase(api, by_rest)] == [Phase.QUEUED, Phase.QUEUED]


async def test_an_heir_takes_the_job_over_and_hears_of_it(api, operator):
    job = await made(operator, idempotencyKey="k")
    [row] = await operator.changes()
    await operator.changes((job, row["version"]))

    outcome = await operator.disown(job, heir=owner("u2"))
    repeated = await operator.disown(job, heir=owner("u2"))
    [passed] = await operator.changes()
    [now_owned] = await operator.ensure(declared("u2", idempotencyKey="k", priority=5))
    late = await operator.disown(job)

    assert (outcome, repeated) == ("inherited", "not_owned")
    assert (passed["owner"]["uid"], passed["job"]["owner"]["uid"], passed["job"]["phase"]) == ("u2", "u2", "queued")
    assert (now_owned["outcome"], now_owned["job"]["priority"]) == ("owned", 5)
    assert late == "not_owned", "a thawed leader's word about the former owner cancels nothing"
    assert await phase(api, job) is Phase.QUEUED


async def test_one_object_of_a_batch_spoils_no_other(operator):
    first, second = await made(operator, "u1"), await made(operator, "u2")
    items = [{"owner": owner(uid), "job": job} for uid, job in (("u9", first), ("u2", second), ("u2", second))]

    assert (await operator.told("jobs/disown", {"jobs": items}))["outcomes"] == ["not_owned", "cancelled", "finished"]
    assert (await operator.told("jobs/disown", {"jobs": []}))["outcomes"] == []


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"owner": owner(), "job": "0" * 32, "heir": owner("u2", namespace="other")}, "/jobs/0/heir/namespace"),
        ({"owner": owner(""), "job": "0" * 32}, "/jobs/0/owner/uid"),
        ({"owner": owner(namespace="*"), "job": "0" * 32}, "/jobs/0/owner/namespace"),
        ({"owner": owner(), "job": "nonsense"}, "/jobs/0/job"),
    ],
)
async def test_a_request_that_no_operator_means_is_refused(operator, item, field):
    answer = await operator.post("jobs/disown", {"jobs": [item]})

    assert (answer.status_code, answer.json()["field"]) == (422, field)
