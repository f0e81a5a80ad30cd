"""The fast reader and pydantic agree: over one corpus, what the fast one accepts means the same there."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from taskjob.errors import InvalidError
from taskjob.spec import read_job_document, refuse_later_fields
from taskjob_api.fast_document import read_fast
from taskjob_api.job_documents import retry_choice

ODD = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1,
        1.0,
        1001,
        2**31,
        2**53 + 1,
        "",
        "x",
        "1",
        "demo\n",
        "A",
        "a b",
        "ü",
        "k\x00",
        [],
        {},
        [1],
        {"a": 1},
    ]
)
WORD = st.sampled_from(
    ["a", "demo", "media.resize", "customer-7", "a" * 40, "a" * 41, "x" * 63, "x" * 64, "a.b", "a/b"]
)
COUNT = st.sampled_from([0, 1, 5, 100, 101, 604_800, 604_801, 2**31 - 1])
TIME = st.sampled_from(
    [
        "2026-11-23T06:00:00Z",
        "2026-11-23t06:00:00z",
        "2026-11-23T06:00:00.5+01:00",
        "2026-11-23",
        "2026-02-30T00:00:00Z",
    ]
)
BACKOFF = st.fixed_dictionaries(
    {},
    optional={
        "initialSeconds": COUNT | ODD,
        "multiplier": st.integers(0, 11) | ODD,
        "maxSeconds": COUNT | ODD,
        "jitterPercent": st.integers(-1, 101),
        "unknown": ODD,
    },
)
RETRY = st.fixed_dictionaries(
    {},
    optional={
        "maxAttempts": COUNT | ODD,
        "maxLost": COUNT,
        "backoff": BACKOFF | ODD,
        "nonRetryable": st.lists(WORD | ODD, max_size=3) | ODD,
    },
)
JSON_VALUES = st.recursive(
    ODD | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "queue": WORD | ODD,
        "task": WORD | WORD | ODD,
        "payload": st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=4)
        | st.fixed_dictionaries({"type": WORD | ODD})
        | ODD,
        "name": WORD | ODD,
        "labels": st.dictionaries(WORD, WORD | ODD, max_size=3) | ODD,
        "priority": st.integers(-1001, 1001) | ODD,
        "startAfter": TIME | ODD,
        "retry": RETRY | ODD,
        "timeoutSeconds": COUNT | ODD,
        "activeDeadlineSeconds": COUNT | ODD,
        "idempotencyKey": WORD | ODD,
        "concurrencyKey": WORD | ODD,
        "suspend": st.booleans() | ODD,
        "ttlSecondsAfterFinished": COUNT | ODD,
        "ttlSecondsAfterFailed": COUNT | ODD,
        "dependsOn": ODD,
        "unknown": ODD,
    },
)

FIELDS = (
    "queue",
    "name",
    "priority",
    "start_after",
    "timeout_seconds",
    "active_deadline_seconds",
    "idempotency_key",
    "concurrency_key",
    "suspend",
    "ttl_seconds_after_finished",
    "ttl_seconds_after_failed",
    "labels",
)


def slow(raw: Any) -> Any:
    try:
        refuse_later_fields("TaskJob", raw, "")
        return read_job_document(raw)
    except InvalidError:
        return None


@settings(max_examples=600, deadline=None)
@given(document=DOCUMENTS, indent=st.sampled_from([None, None, 1]))
def test_what_the_fast_reader_accepts_pydantic_reads_the_same(document, indent):
    body = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    fast = read_fast(body)
    if fast is None:
        return
    read, task, payload = fast
    full = slow(document)

    assert full is not None
    assert task == full.task
    assert json.loads(payload) == (full.payload or {})
    assert {name: getattr(read, name) for name in FIELDS} == {name: getattr(full, name) for name in FIELDS}
    assert (read.retry is None) == (full.retry is None)
    if read.retry is not None:
        assert retry_choice(read.retry) == retry_choice(full.retry)


def test_the_common_documents_go_the_fast_way():
    for document in (
        {"payload": {"type": "demo", "value": 123}},
        {"task": "media.resize", "queue": "images", "payload": {"bucket": "cats", "width": 640}},
        {"task": "a", "name": "cats-1", "labels": {"app": "cats"}, "priority": 5, "idempotencyKey": "k-1"},
        {"task": "a", "retry": {"maxAttempts": 3, "backoff": {"initialSeconds": 1}, "nonRetryable": ["ValueError"]}},
        {"task": "a", "startAfter": "2026-11-23T06:00:00Z", "concurrencyKey": "customer-7", "suspend": True},
    ):
        assert read_fast(json.dumps(document).encode()) is not None
