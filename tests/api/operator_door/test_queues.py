"""queues/ensure, queues/managed, queues/numbers: what TaskQueues declare, and what their status reads."""

from __future__ import annotations

import pytest
from operator_side import CLUSTER, declared

from taskjob.model.times import SECOND

QUEUES = "/v1/namespaces/default/queues"


def queue(name="images", *, namespace="default", **more):
    return {"namespace": namespace, "name": name} | more


async def ensure(operator, *queues):
    return (await operator.told("queues/ensure", {"clusterId": CLUSTER, "queues": queues}))["queues"]


async def test_a_declared_queue_has_its_limits_and_people_change_the_object(api, operator):
    spec = {"limits": {"maxConcurrency": 3}, "jobDefaults": {"timeoutSeconds": 7}, "paused": True}

    first = await ensure(operator, queue(spec=spec))
    again = await ensure(operator, queue(spec=spec))
    shown = (await api.call("GET", f"{QUEUES}/images")).json()
    edited = await api.call("PUT", f"{QUEUES}/images", json={"limits": {"maxConcurrency": 9}})
    paused = await api.call("POST", f"{QUEUES}/images/pause", json={"reason": "disk"})

    assert first == again == [{"outcome": "ensured"}]
    assert (shown["limits"]["maxConcurrency"], shown["jobDefaults"], shown["paused"], shown["managedBy"]) == (
        3,
        {"timeoutSeconds": 7},
        True,
        CLUSTER,
    )
    assert (edited.status_code, edited.json()["reason"]) == (409, "ManagedByKubernetes")
    assert (paused.status_code, paused.json()["pausedBy"]) == (200, "local")
    assert (await ensure(operator, queue(spec={}))) == [{"outcome": "ensured"}]
    assert (await api.call("GET", f"{QUEUES}/images")).json()["pausedBy"] == "local", "a person's pause stays"


async def test_a_deleted_queue_leases_no_more_and_its_jobs_say_so(api, operator, world):
    worker = await world.worker(queues=("images",))
    await ensure(operator, queue())
    waiting = await operator.ensure_one(queue="images")

    await ensure(operator, queue(deleted=True))
    job = waiting["job"]["id"]
    explained = (await api.call("GET", f"/v1/namespaces/default/jobs/{job}/explain")).json()
    leased = await worker.lease(1)
    shown = (await api.call("GET", f"{QUEUES}/images")).json()
    await ensure(operator, queue())

    assert (explained["reason"], "taskjob cancel" in explained["nextSteps"][0]) == ("QueueDeleted", True)
    assert (leased, shown["deleted"], "managedBy" in shown) == ([], True, False)
    assert [grant.job for grant in await worker.lease(1)] == [job]


async def test_jobs_of_a_queue_that_is_not_there_wait_for_it(api, operator, world):
    api.engine.settings = type(api.engine.settings)(create_queues=False)
    worker = await world.worker(queues=("images",))

    told = await operator.ensure_one(queue="images")
    job = told["job"]["id"]
    explained = (await api.call("GET", f"/v1/namespaces/default/jobs/{job}/explain")).json()
    before = await worker.lease(1)
    await ensure(operator, queue())

    assert (told["outcome"], explained["reason"], before) == ("owned", "QueueNotFound", [])
    assert [grant.job for grant in await worker.lease(1)] == [job]


async def test_one_bad_queue_spoils_no_other(api, operator):
    verdicts = await ensure(
        operator,
        queue(spec={"limits": {"maxConcurency": 3}}),
        queue("images.v2"),
        queue("breaker", spec={"circuitBreaker": {}}),
        queue("fine"),
    )

    assert [(v["outcome"], v.get("code"), v.get("field")) for v in verdicts] == [
        ("rejected", "Invalid", "/spec/limits/maxConcurency"),
        ("rejected", "Invalid", "/metadata/name"),
        ("rejected", "NotYetSupported", "/spec/circuitBreaker"),
        ("ensured", None, None),
    ]
    listed = (await api.call("GET", QUEUES)).json()["items"]
    assert [one["name"] for one in listed] == ["default", "fine"]


async def test_the_queues_of_a_cluster_are_listed_until_their_objects_go(operator):
    await ensure(operator, queue("b"), queue("a", namespace="other"))
    listed = await operator.told("queues/managed", {"clusterId": CLUSTER})
    await ensure(operator, queue("b", deleted=True))

    assert listed["queues"] == [["default", "b"], ["other", "a"]]
    assert (await operator.told("queues/managed", {"clusterId": CLUSTER}))["queues"] == [["other", "a"]]
    assert (await operator.told("queues/managed", {"clusterId": "c9"}))["queues"] == []


async def test_the_numbers_of_a_queue_are_of_one_moment(api, operator, world):
    worker = await world.worker(queues=("images",), slots=3)
    await operator.ensure(
        declared("u1", queue="images"),
        declared("u2", queue="images", task="unknown"),
        declared("u3", queue="images", suspend=True),
        declared("u4", queue="images", startAfter="2126-01-01T00:00:00Z"),
        declared("u5", queue="images"),
    )
    await worker.lease_one()
    await ensure(operator, queue(spec={"paused": True}))
    await api.call("POST", f"{QUEUES}/images/pause")

    told = await operator.told("queues/numbers", {"queues": [["default", "images"], ["default", "never"]]})

    images, never = told["queues"]
    age = images.pop("oldestAgeSeconds")
    assert 0 <= age < 60
    assert images == {
        "namespace": "default",
        "name": "images",
        "ready": 2,
        "running": 1,
        "delayed": 1,
        "blocked": 1,
        "unservable": 1,
        "workers": 1,
        "slots": 3,
        "busySlots": 1,
        "pausedBy": ["spec", "api:local"],
    }
    assert never == {"namespace": "default", "name": "never", "oldestAgeSeconds": 0.0}
    assert told["now"] > 1_500_000_000 * SECOND


@pytest.mark.parametrize("body", [{"queues": [["default"]]}, {"queues": [["*", "a"]]}, {"queues": "all"}, {}])
async def test_numbers_of_what_is_no_queue_are_refused(operator, body):
    assert (await operator.post("queues/numbers", body)).status_code == 422


async def test_why_its_workers_cannot_start_is_told_to_who_asks_for_a_job(api, operator):
    trouble = {"reason": "ImagePullBackOff", "message": "shop/resize:2: not found"}
    await ensure(operator, queue(trouble=trouble))
    job = (await operator.ensure_one(queue="images"))["job"]["id"]
    path = f"/v1/namespaces/default/jobs/{job}/explain"

    told = (await api.call("GET", path)).json()
    shown = (await api.call("GET", f"{QUEUES}/images")).json()
    await ensure(operator, queue())
    mended = (await api.call("GET", path)).json()

    assert (told["reason"], told["trouble"]) == ("NoWorkerForTask", trouble)
    assert "ImagePullBackOff: shop/resize:2: not found" in told["sentence"]
    assert "kubectl describe taskqueue images -n default" in told["nextSteps"][0]
    assert shown["trouble"] == trouble
    assert ("trouble" in mended, "cannot start" in mended["sentence"]) == (False, False)


@pytest.mark.parametrize("trouble", [{}, {"reason": "no word"}, {"reason": "Long", "message": "x" * 1025}])
async def test_a_trouble_is_a_word_and_a_line(operator, trouble):
    refused = await operator.post("queues/ensure", {"clusterId": CLUSTER, "queues": [queue(trouble=trouble)]})
    assert refused.status_code == 422
