"""The hot route must stay hot: the common documents never reach pydantic."""

from __future__ import annotations

import msgspec
import pytest

from taskjob_api.fast_document import read_fast

COMMON = [
    {"payload": {"type": "demo", "value": 123}},
    {"task": "media.resize", "payload": {"bucket": "cats", "nested": {"sizes": [1, 2, 3]}}},
    {"task": "media.resize"},
    {"task": "media.resize", "queue": "images", "priority": 5, "idempotencyKey": "a-key", "labels": {"team": "a"}},
    {"task": "a", "retry": {"maxAttempts": 3, "backoff": {"initialSeconds": 1}}, "startAfter": "2026-11-23T06:00:00Z"},
]


@pytest.mark.parametrize("document", COMMON)
def test_a_common_document_is_read_without_pydantic(document: dict[str, object]) -> None:
    read = read_fast(msgspec.json.encode(document))

    assert read is not None
    assert document.get("payload", {}) == msgspec.json.decode(read[2])
