"""Submitting: one job, a batch, and the key that makes it repeatable."""

from __future__ import annotations

import asyncio

import pytest

from taskjob.errors import UnavailableError
from taskjob.spec import MAX_BATCH_BYTES
from taskjob_engine.stores.memory import MemoryStore

BATCH = "/v1/namespaces/default/jobs/batch"


async def test_the_plain_call_of_the_readme_makes_a_job(api):
    made = await api.call("POST", "/jobs", json={"payload": {"type": "demo", "value": 123}})

    assert made.status_code == 201
    assert made.json()["outcome"] == "created"
    job = (await api.call("GET", made.headers["location"])).json()
    assert (job["id"], job["task"], job["queue"], job["payload"]) == (
        made.json()["id"],
        "demo",
        "default",
        {"type": "demo", "value": 123},
    )
    assert job == (await api.call("GET", f"/jobs/{job['id']}")).json()


async def test_a_job_keeps_every_field_of_its_document(api):
    document = {
        "queue": "images",
        "task": "media.resize",
        "payload": {"width": 640},
        "name": "resize.cats",
        "labels": {"example.com/app": "cats", "team": ""},
        "priority": -5,
        "startAfter": "2126-11-23T06:00:00+01:00",
        "retry": {"maxAttempts": 7, "backoff": {"initialSeconds": 0}},
        "timeoutSeconds": 60,
        "idempotencyKey": "cats",
        "concurrencyKey": "customer-7",
        "suspend": True,
        "ttlSecondsAfterFinished": 0,
        "ttlSecondsAfterFailed": 5,
    }

    made = await api.call("POST", "/v1/namespaces/media/jobs", json=document)

    job = (await api.call("GET", made.headers["location"])).json()
    kept = {name: job[name] for name in document if name not in {"startAfter", "retry"}}
    assert kept == {name: value for name, value in document.items() if name not in {"startAfter", "retry"}}
    assert job["namespace"] == "media"
    assert job["startAfter"] == "2126-11-23T05:00:00.000000Z"
    assert job["retry"] == {
        "maxAttempts": 7,
        "maxLost": 3,
        "backoff": {"initialSeconds": 0, "multiplier": 2, "maxSeconds": 300, "jitterPercent": 20},
        "nonRetryable": [],
    }


async def test_the_same_key_and_document_is_the_same_job(api):
    document = {"task": "a", "payload": {"n": 1.0, "m": None}, "idempotencyKey": "k"}

    first = await api.call("POST", "/jobs", json=document)
    again = await api.call("POST", "/jobs", json={**document, "payload": {"m": None, "n": 1}, "queue": "default"})
    amended = await api.call("POST", "/jobs", json={**document, "priority": 5, "labels": {"a": "b"}, "name": None})

    assert [answer.status_code for answer in (first, again, amended)] == [201, 200, 200]
    assert {answer.json()["id"] for answer in (first, again, amended)} == {first.json()["id"]}
    assert again.json()["outcome"] == "existing"
    assert again.headers["location"] == first.headers["location"]


async def test_one_key_with_two_documents_is_a_conflict(api):
    first = await api.call("POST", "/jobs", json={"task": "a", "idempotencyKey": "k"})
    other = await api.call("POST", "/jobs", json={"task": "a", "payload": {"x": 1}, "idempotencyKey": "k"})

    assert (other.status_code, other.json()["code"]) == (409, "IdempotencyConflict")
    assert first.json()["id"] in other.json()["detail"]
    assert await api.accepted() == 1


async def test_the_header_says_the_same_as_the_field(api):
    header = {"Idempotency-Key": "k"}

    first = await api.call("POST", "/jobs", json={"task": "a"}, headers=header)
    field = await api.call("POST", "/jobs", json={"task": "a", "idempotencyKey": "k"})
    both = await api.call("POST", "/jobs", json={"task": "a", "idempotencyKey": "k"}, headers=header)
    differing = await api.call("POST", "/jobs", json={"task": "a", "idempotencyKey": "other"}, headers=header)
    empty = await api.call("POST", "/jobs", json={"task": "a"}, headers={"Idempotency-Key": ""})

    assert [first.status_code, field.status_code, both.status_code] == [201, 200, 200]
    assert (differing.status_code, differing.json()["code"], differing.json()["field"]) == (
        422,
        "Invalid",
        "/idempotencyKey",
    )
    assert (empty.status_code, empty.json()["field"]) == (422, "Idempotency-Key")
    assert await api.accepted() == 1


async def test_keys_belong_to_their_namespace(api):
    document = {"task": "a", "idempotencyKey": "k"}

    here = await api.call("POST", "/v1/namespaces/default/jobs", json=document)
    there = await api.call("POST", "/v1/namespaces/media/jobs", json={**document, "payload": {"x": 1}})

    assert (here.status_code, there.status_code) == (201, 201)


async def test_a_batch_has_a_verdict_for_each_item_and_bad_ones_spoil_no_other(api):
    items = [
        {"task": "a", "idempotencyKey": "k"},
        {"task": "no spaces"},
        {"task": "a", "idempotencyKey": "k"},
        {"task": "b", "idempotencyKey": "k"},
        {"task": "a", "dependsOn": [{"name": "x"}]},
        [],
        {"task": "a", "payload": {"n": 2**53 + 1}},
        {"payload": {"type": "demo"}},
    ]

    answer = await api.call("POST", BATCH, json={"items": items})

    verdicts = answer.json()["items"]
    assert answer.status_code == 200
    assert [(v["outcome"], v.get("code"), v.get("field")) for v in verdicts] == [
        ("created", None, None),
        ("rejected", "Invalid", "/items/1/task"),
        ("existing", None, None),
        ("conflict", "IdempotencyConflict", None),
        ("rejected", "NotYetSupported", "/items/4/dependsOn"),
        ("rejected", "Invalid", "/items/5"),
        ("rejected", "Invalid", "/items/6/payload/n"),
        ("created", None, None),
    ]
    assert verdicts[0]["id"] == verdicts[2]["id"] == verdicts[3]["id"]
    assert await api.accepted() == 2


async def test_the_largest_legal_batch_is_taken_whole(api):
    filler = "x" * ((MAX_BATCH_BYTES - 100) // 1000 - 60)
    body = b'{"items":[' + b",".join([b'{"task":"a","payload":{"x":"%s"}}' % filler.encode()] * 1000) + b"]}"
    body += b" " * (MAX_BATCH_BYTES - len(body))

    answer = await api.call("POST", BATCH, content=body, headers={"content-type": "application/json"})

    assert len(body) == MAX_BATCH_BYTES
    assert {verdict["outcome"] for verdict in answer.json()["items"]} == {"created"}
    assert len({verdict["id"] for verdict in answer.json()["items"]}) == 1000
    assert await api.accepted() == 1000


async def test_a_batch_over_its_limits_is_refused_whole(api):
    too_many = await api.call("POST", BATCH, json={"items": [{"task": "a"}] * 1001})
    too_long = await api.call(
        "POST", BATCH, content=b" " * (MAX_BATCH_BYTES + 1), headers={"content-type": "application/json"}
    )

    assert (too_many.status_code, too_many.json()["code"], too_many.json()["field"]) == (413, "TooLarge", "/items")
    assert (too_long.status_code, too_long.json()["code"]) == (413, "TooLarge")
    assert await api.accepted() == 0


@pytest.mark.parametrize("body", [[], {}, {"items": {}}, {"items": [], "more": 1}, {"item": []}])
async def test_what_is_no_batch_is_refused(api, body):
    answer = await api.call("POST", BATCH, json=body)

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "Invalid", "/items")


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"items":[NaN]}', b'{"items":' + b"[" * 50_000, b'{"items":["\\ud800"]}']
)
async def test_a_batch_that_is_not_json_is_refused(api, body):
    answer = await api.call("POST", BATCH, content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (422, "Invalid")
    assert await api.accepted() == 0


async def test_a_batch_has_no_key_of_its_own(api):
    answer = await api.call("POST", BATCH, json={"items": []}, headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_an_empty_batch_is_answered_with_no_verdict(api):
    assert (await api.call("POST", BATCH, json={"items": []})).json() == {"items": []}


async def test_above_its_limit_of_live_jobs_a_queue_takes_no_more(api):
    await api.call("PUT", "/v1/namespaces/default/queues/small", json={"limits": {"maxLiveJobs": 1}})

    first = await api.call("POST", "/jobs", json={"task": "a", "queue": "small"})
    second = await api.call("POST", "/jobs", json={"task": "a", "queue": "small"})

    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (429, "QuotaExceeded")
    assert int(second.headers["retry-after"]) >= 1
    assert await api.accepted() == 1


class StuckStore(MemoryStore):
    """Takes submits and answers none until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.entered = asyncio.Semaphore(0)

    async def submit(self, items, *, create_queues):
        self.entered.release()
        await self.go.wait()
        return await super().submit(items, create_queues=create_queues)


async def test_too_many_submits_at_once_are_shed_and_the_accepted_ones_are_kept(start_api):
    store = StuckStore()
    api = await start_api(store=store, max_submits_in_flight=2)
    waiting = [asyncio.create_task(api.call("POST", "/jobs", json={"task": "a"})) for _ in range(2)]
    for _ in waiting:
        await store.entered.acquire()

    shed = await api.call("POST", "/jobs", json={"task": "a"})
    reading = await api.call("GET", "/jobs")
    store.go.set()

    assert (shed.status_code, shed.json()["code"], shed.headers["retry-after"]) == (429, "Overloaded", "1")
    assert reading.status_code == 200
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [201, 201]
    assert await api.accepted() == 2


async def test_a_store_that_does_not_answer_leaves_the_outcome_unknown(start_api):
    store = StuckStore()
    api = await start_api(store=store, request_seconds=0.05)

    answer = await api.call("POST", "/jobs", json={"task": "a", "idempotencyKey": "k"})

    assert (answer.status_code, answer.json()["code"]) == (504, "OutcomeUnknown")


async def test_a_store_that_applied_nothing_says_so(start_api):
    class FailingStore(MemoryStore):
        async def submit(self, items, *, create_queues):
            raise UnavailableError("the disk is full")

    api = await start_api(store=FailingStore())

    answer = await api.call("POST", "/jobs", json={"task": "a"})

    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        503,
        "Unavailable",
        "the disk is full",
    )
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_fault_of_ours_tells_its_request_id_and_nothing_else(start_api, caplog):
    class BrokenStore(MemoryStore):
        async def submit(self, items, *, create_queues):
            raise RuntimeError("secret inside")

    api = await start_api(store=BrokenStore())

    answer = await api.call("POST", "/jobs", json={"task": "a"}, headers={"x-request-id": "my-request"})

    assert (answer.status_code, answer.json()["code"]) == (500, "Internal")
    assert answer.json()["requestId"] == answer.headers["x-request-id"] == "my-request"
    assert "secret" not in answer.text
    assert "secret inside" in caplog.text
