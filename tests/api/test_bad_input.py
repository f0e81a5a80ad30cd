"""Every bad input gets its own exact answer, and nothing else is lost or accepted by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskjob_api.http import MAX_BODY_BYTES
from taskjob_engine.store import JobRef

JSON = {"content-type": "application/json"}

BAD_DOCUMENTS: list[tuple[str, Any, int, str, str | None]] = [
    ("no object", [], 422, "Invalid", None),
    ("null", None, 422, "Invalid", None),
    ("empty", {}, 422, "Invalid", "/task"),
    ("payload no object", {"task": "a", "payload": [1]}, 422, "Invalid", "/payload"),
    ("payload a string", {"task": "a", "payload": "x"}, 422, "Invalid", "/payload"),
    ("payload too large", {"task": "a", "payload": {"x": "y" * 70_000}}, 413, "TooLarge", "/payload"),
    ("number as text", {"task": "a", "priority": "1"}, 422, "Invalid", "/priority"),
    ("true as number", {"task": "a", "priority": True}, 422, "Invalid", "/priority"),
    ("float as integer", {"task": "a", "priority": 1.0}, 422, "Invalid", "/priority"),
    ("number as text field", {"task": 7}, 422, "Invalid", "/task"),
    ("priority above", {"task": "a", "priority": 1001}, 422, "Invalid", "/priority"),
    ("beyond 2^53", {"task": "a", "payload": {"n": [2**53 + 1]}}, 422, "Invalid", "/payload/n/0"),
    ("below -2^53", {"task": "a", "payload": {"n": -(2**53) - 1}}, 422, "Invalid", "/payload/n"),
    ("unknown field", {"task": "a", "retries": 3}, 422, "Invalid", "/retries"),
    ("unknown nested field", {"task": "a", "retry": {"maxAttempt": 3}}, 422, "Invalid", "/retry/maxAttempt"),
    ("bad task", {"task": "no spaces"}, 422, "Invalid", "/task"),
    ("task ends in a line feed", {"task": "demo\n"}, 422, "Invalid", "/task"),
    ("bad task of payload", {"payload": {"type": "no spaces"}}, 422, "Invalid", "/payload/type"),
    ("bad queue", {"task": "a", "queue": "Images"}, 422, "Invalid", "/queue"),
    ("bad label", {"task": "a", "labels": {"k": "no spaces"}}, 422, "Invalid", "/labels/k"),
    ("33 labels", {"task": "a", "labels": {f"k{n}": "v" for n in range(33)}}, 422, "Invalid", "/labels"),
    ("257 payload keys", {"task": "a", "payload": {f"k{n}": n for n in range(257)}}, 422, "Invalid", "/payload"),
    ("time without zone", {"task": "a", "startAfter": "2026-11-23T06:00:00"}, 422, "Invalid", "/startAfter"),
    ("no such day", {"task": "a", "startAfter": "2026-02-30T06:00:00Z"}, 422, "Invalid", "/startAfter"),
    ("error type twice", {"task": "a", "retry": {"nonRetryable": ["E", "E"]}}, 422, "Invalid", "/retry/nonRetryable"),
    ("empty key", {"task": "a", "idempotencyKey": ""}, 422, "Invalid", "/idempotencyKey"),
    ("cancel at submit", {"task": "a", "cancel": True}, 422, "Invalid", "/cancel"),
    ("a custom resource", {"apiVersion": "taskjob.dev/v1alpha1", "spec": {}}, 422, "Invalid", "/spec"),
    ("dependsOn", {"task": "a", "dependsOn": [{"name": "b"}]}, 422, "NotYetSupported", "/dependsOn"),
    ("array", {"task": "a", "array": {"count": 3}}, 422, "NotYetSupported", "/array"),
    ("payloadRef", {"task": "a", "payloadRef": {"key": "x"}}, 422, "NotYetSupported", "/payloadRef"),
    ("schedules", {"task": "a", "schedules": ["* * * * *"]}, 422, "NotYetSupported", "/schedules"),
]


@pytest.mark.parametrize(
    ("document", "status", "code", "field"), [row[1:] for row in BAD_DOCUMENTS], ids=[row[0] for row in BAD_DOCUMENTS]
)
async def test_a_bad_document_is_refused_with_code_and_field(api, document, status, code, field):
    await api.submit()

    answer = await api.call("POST", "/jobs", content=json.dumps(document), headers=JSON)

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field") or None) == (status, code, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert await api.accepted() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"task": "a", "payload": {"x": NaN}}',
        b'{"task": "a", "payload": {"x": Infinity}}',
        b'{"task": "a", "payload": {"x": 1e999}}',
        b'{"task": "a", "payload": {"x": "\\ud800"}}',
        b'{"task": "a", "payload": {"x": "\xff"}}',
        b"{'task': 'a'}",
        b'\xef\xbb\xbf{"task": "a"}',
        b'{"task": "a"} trailing',
        b'{"task": "a", "payload": {"x": 01}}',
    ],
    ids=["empty", "cut", "NaN", "Infinity", "1e999", "surrogate", "utf8", "quotes", "bom", "trailing", "octal"],
)
async def test_what_is_not_json_is_refused(api, body):
    answer = await api.call("POST", "/jobs", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (422, "Invalid")
    assert "not JSON" in answer.json()["detail"]
    assert await api.accepted() == 0


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


async def test_depth_is_bounded_at_its_exact_limit(api):
    fits = await api.call("POST", "/jobs", content='{"task":"a","payload":' + nested(32) + "}", headers=JSON)
    too_deep = await api.call("POST", "/jobs", content='{"task":"a","payload":' + nested(33) + "}", headers=JSON)
    hostile = await api.call("POST", "/jobs", content="[" * 100_000, headers=JSON)

    assert fits.status_code == 201
    assert (too_deep.status_code, too_deep.json()["code"]) == (422, "Invalid")
    assert "32 levels" in too_deep.json()["detail"]
    assert too_deep.json()["field"].startswith("/payload/a")
    assert (hostile.status_code, hostile.json()["code"]) == (422, "Invalid")
    assert await api.accepted() == 1


async def test_payload_size_is_bounded_at_its_exact_limit(api):
    largest = {"x": "y" * (65_536 - len('{"x":""}'))}

    fits = await api.call("POST", "/jobs", json={"task": "a", "payload": largest})
    over = await api.call("POST", "/jobs", json={"task": "a", "payload": {"x": largest["x"] + "y"}})

    assert fits.status_code == 201
    assert (over.status_code, over.json()["code"], over.json()["field"]) == (413, "TooLarge", "/payload")
    stored = await api.call("GET", f"/jobs/{fits.json()['id']}")
    assert stored.json()["payload"] == largest


async def test_integers_keep_their_exact_value_up_to_the_limit(api):
    job = await api.submit(payload={"n": 2**53, "m": -(2**53), "f": 0.1})

    assert (await api.call("GET", f"/jobs/{job}")).json()["payload"] == {"n": 2**53, "m": -(2**53), "f": 0.1}


async def test_a_body_above_the_limit_is_refused_before_it_is_read(api):
    async def endless():
        for _ in range(MAX_BODY_BYTES // 1024 + 2):
            yield b"x" * 1024

    declared = await api.call("POST", "/jobs", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)
    chunked = await api.call("POST", "/jobs", content=endless(), headers=JSON)

    assert [(a.status_code, a.json()["code"]) for a in (declared, chunked)] == [(413, "TooLarge")] * 2


@pytest.mark.parametrize(
    "declared", [None, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_another_content_type_is_refused_with_a_hint(api, declared):
    headers = {} if declared is None else {"content-type": declared}

    answer = await api.call("POST", "/jobs", content=b'{"task":"a"}', headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "UnsupportedMediaType")
    assert "Content-Type: application/json" in answer.json()["hint"]
    assert await api.accepted() == 0


async def test_utf8_may_be_declared(api):
    headers = {"content-type": "Application/JSON; charset=UTF-8"}

    answer = await api.call("POST", "/jobs", content='{"task":"a","payload":{"n":"ü"}}'.encode(), headers=headers)

    assert answer.status_code == 201


async def test_a_pretty_printed_payload_is_kept_on_one_line(api):
    body = json.dumps({"task": "a", "payload": {"x": [1, 2]}}, indent=2)

    answer = await api.call("POST", "/jobs", content=body, headers=JSON)

    raw = (await api.engine.get(ref(answer.json()["id"]))).payload
    assert bytes(raw) == b'{"x":[1,2]}'


def ref(job: str):
    return JobRef(namespace="default", id=job)


async def test_all_problems_of_a_document_are_told_at_once(api):
    answer = await api.call("POST", "/jobs", json={"task": "no spaces", "priority": 5000, "quue": "x"})

    problem = answer.json()
    assert sorted(error["field"] for error in problem["errors"]) == ["/priority", "/quue", "/task"]
    assert next(error["hint"] for error in problem["errors"] if error["field"] == "/quue") == "did you mean 'queue'?"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("phse=queued", "phse"),
        ("phase=done", "phase"),
        ("phase=queued&phase=running", "phase"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("cursor=forged", None),
        ("label=novalue", "label"),
        ("created_after=yesterday", "created_after"),
    ],
)
async def test_a_bad_query_is_refused_by_its_parameter(api, query, field):
    answer = await api.call("GET", f"/jobs?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "Invalid")
    if field is not None:
        assert answer.json()["field"] == field


async def test_unknown_paths_methods_and_jobs_are_problems_too(api):
    missing = await api.call("GET", "/nowhere")
    method = await api.call("DELETE", "/jobs")
    job = await api.call("GET", "/jobs/" + "0" * 32)
    name = await api.call("GET", "/jobs/my-job")

    assert [(a.status_code, a.json()["code"]) for a in (missing, method, job, name)] == [
        (404, "NotFound"),
        (405, "MethodNotAllowed"),
        (404, "NotFound"),
        (404, "NotFound"),
    ]
    assert "jobs?name=" in name.json()["hint"]
    assert set(method.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("worker", {"image": "x"}),
        ("deploymentRef", {"name": "x"}),
        ("autoscaling", {"mode": "Builtin"}),
        ("circuitBreaker", {"failurePercent": 50}),
        ("replicas", 3),
    ],
)
async def test_what_a_queue_cannot_do_yet_is_refused_by_name(api, field, value):
    answer = await api.call("PUT", "/v1/namespaces/default/queues/images", json={field: value})

    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
        422,
        "NotYetSupported",
        f"/{field}",
    )
    queues = (await api.call("GET", "/v1/namespaces/default/queues")).json()["items"]
    assert [queue["name"] for queue in queues] == ["default"]
