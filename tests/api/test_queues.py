"""Queues as documents, a person's pause beside the declared one, workers, stats, health."""

from __future__ import annotations

import job_phases
import pytest

from taskjob.errors import UnavailableError
from taskjob_engine.store import Renewal, SessionOpen, SessionRef
from taskjob_engine.stores.memory import MemoryStore

QUEUES = "/v1/namespaces/default/queues"


async def test_a_queue_is_created_and_replaced_by_its_document(api):
    document = {
        "limits": {"maxConcurrency": 100, "ratePerSecond": 50, "maxLiveJobs": 1000, "perConcurrencyKey": 2},
        "jobDefaults": {"retry": {"maxAttempts": 9}, "timeoutSeconds": 300, "ttlSecondsAfterFinished": 0},
        "paused": True,
    }

    made = await api.call("PUT", f"{QUEUES}/images", json=document)
    job = (await api.call("GET", f"/jobs/{await api.submit(queue='images')}")).json()
    replaced = await api.call("PUT", f"{QUEUES}/images", json={"limits": {"maxConcurrency": 5}})

    assert {name: made.json()[name] for name in ("limits", "paused")} == {
        "limits": document["limits"],
        "paused": True,
    }
    assert made.json()["jobDefaults"]["retry"]["maxAttempts"] == 9
    assert (job["retry"]["maxAttempts"], job["timeoutSeconds"], job["ttlSecondsAfterFinished"]) == (9, 300, 0)
    assert replaced.json()["limits"] == {"maxConcurrency": 5, "perConcurrencyKey": 1}
    assert (replaced.json()["jobDefaults"], replaced.json()["paused"]) == ({}, False)
    assert (await api.call("GET", f"{QUEUES}/images")).json() == replaced.json()


async def test_retry_is_chosen_field_by_field_by_job_queue_and_product(api):
    chosen = {"maxAttempts": 9, "backoff": {"initialSeconds": 7}, "nonRetryable": ["KeyError"]}
    own = {"maxLost": 1, "backoff": {"maxSeconds": 70}}

    made = await api.call("PUT", f"{QUEUES}/images", json={"jobDefaults": {"retry": chosen}})
    job = (await api.call("GET", f"/jobs/{await api.submit(queue='images', retry=own)}")).json()
    none = (await api.call("GET", f"/jobs/{await api.submit(queue='images', retry={'nonRetryable': []})}")).json()

    assert made.json()["jobDefaults"] == {"retry": chosen}, "the queue shows what it was given, and no more"
    assert job["retry"] == {
        "maxAttempts": 9,
        "maxLost": 1,
        "backoff": {"initialSeconds": 7, "multiplier": 2, "maxSeconds": 70, "jitterPercent": 20},
        "nonRetryable": ["KeyError"],
    }
    assert (none["retry"]["nonRetryable"], none["retry"]["backoff"]["initialSeconds"]) == ([], 7)


async def test_a_persons_pause_stands_beside_the_declared_one(api):
    until = "2126-11-23T06:00:00Z"

    paused = await api.call("POST", f"{QUEUES}/default/pause", json={"reason": "disk", "until": until})
    declared = await api.call("PUT", f"{QUEUES}/default", json={"paused": True})
    resumed = await api.call("POST", f"{QUEUES}/default/resume")

    told = paused.json()
    assert (told["pausedBy"], told["pausedReason"], told["pausedUntil"]) == (
        "local",
        "disk",
        "2126-11-23T06:00:00.000000Z",
    )
    assert (declared.json()["pausedBy"], declared.json()["paused"]) == ("local", True)
    assert ("pausedBy" in resumed.json(), resumed.json()["paused"]) == (False, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("PUT", "Images", {}, 422, "queue"),
        ("PUT", "images", {"limits": {"maxConcurency": 5}}, 422, "/limits/maxConcurency"),
        ("PUT", "images", {"limits": {"maxConcurrency": 0}}, 422, "/limits/maxConcurrency"),
        ("PUT", "images", [], 422, None),
        ("POST", "images/pause", {}, 404, None),
        ("POST", "images/resume", None, 404, None),
        ("POST", "default/pause", {"until": "2001-01-01T00:00:00Z"}, 422, "/until"),
        ("POST", "default/pause", {"reason": ""}, 422, "/reason"),
        ("POST", "default/resume", {"now": True}, 422, None),
        ("GET", "images", None, 404, None),
    ],
)
async def test_bad_calls_leave_the_queues_alone(api, method, path, body, status, field):
    before = (await api.call("GET", QUEUES)).json()

    answer = await api.call(method, f"{QUEUES}/{path}", json=body)

    assert (answer.status_code, answer.json().get("field") or None) == (status, field)
    assert (await api.call("GET", QUEUES)).json() == before


async def test_workers_are_shown_with_what_they_hold(api):
    await job_phases.seed(api.engine, api.store)

    [worker] = (await api.call("GET", "/v1/namespaces/default/workers")).json()["items"]

    assert (worker["name"], worker["slots"], worker["held"], worker["closed"]) == ("w-1", 8, 2, False)


async def test_a_draining_worker_is_shown_as_draining(api):
    opening = {"worker": "w-1", "namespace": "default", "queues": ("default",), "tasks": ("demo",), "slots": 1}
    await api.engine.open_session(
        SessionOpen(session="a" * 32, principal="token:w", carrier="tcp", ttl_seconds=15.0, **opening)
    )
    before = (await api.call("GET", "/v1/namespaces/default/workers")).json()["items"]
    ref = SessionRef(session="a" * 32, epoch=1, principal="token:w")
    await api.engine.renew(Renewal(ref=ref, ttl_seconds=15.0, draining=True))
    after = (await api.call("GET", "/v1/namespaces/default/workers")).json()["items"]

    assert [[worker["draining"] for worker in told] for told in (before, after)] == [[False], [True]]


async def test_stats_count_every_job_in_one_snapshot(api):
    ids = await job_phases.seed(api.engine, api.store)

    stats = (await api.call("GET", "/v1/namespaces/default/stats")).json()

    total = {
        name: sum(queue[name] for queue in stats["queues"])
        for name in ("waiting", "ready", "leased", "completed", "deadLetter", "cancelled", "accepted", "live")
    }
    assert stats["conserved"] is True
    assert total == {
        "waiting": 2,
        "ready": 1,
        "leased": 2,
        "completed": 1,
        "deadLetter": 1,
        "cancelled": 1,
        "accepted": len(ids),
        "live": 5,
    }


async def test_readiness_tells_what_the_store_promises(api):
    answer = await api.call("GET", "/readyz")

    told = answer.json()
    assert answer.status_code == 200
    assert (told["ready"], told["store"], told["durability"], told["replication"]) == (
        True,
        "memory",
        "relaxed",
        "local",
    )
    assert 0 < told["holdOffSeconds"] <= 15


async def test_a_store_that_fails_makes_the_process_unready(start_api):
    class FailingStore(MemoryStore):
        async def queues(self, namespace):
            raise UnavailableError("gone", reason="DiskFull")

    api = await start_api(store=FailingStore())

    answer = await api.call("GET", "/readyz")

    assert (answer.status_code, answer.json()["ready"], answer.json()["reason"]) == (503, False, "DiskFull")
    assert (await api.call("GET", "/healthz")).json() == {"status": "ok"}


async def test_metrics_count_submits(api):
    await api.submit()

    text = (await api.call("GET", "/metrics")).text

    assert 'taskjob_jobs_submitted_total{namespace="default",outcome="created",queue="default"} 1.0' in text
