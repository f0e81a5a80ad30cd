"""Bounds of JSON that no type states, and the cheap test that spares most payloads the walk."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskjob.errors import InvalidError, TooLargeError
from taskjob.spec import MAX_DEPTH, MAX_PAYLOAD_BYTES, check_json, check_payload
from taskjob.spec.limits import surely_within_limits


def nested(depth: int) -> dict[str, object]:
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), 1e308, 0.1, "ü", "\U0001f600", None, True, {"a": []}, [[]] * 500, nested(MAX_DEPTH)],
)
def test_what_every_reader_keeps_is_accepted(value):
    check_json(value)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"a": [0, 2**53 + 1]}, "/a/1"),
        ({"a/b": {"c~d": -(2**53) - 1}}, "/a~1b/c~0d"),
        ({"a": math.nan}, "/a"),
        ({"a": -math.inf}, "/a"),
        ({"a": ["\ud800"]}, "/a/0"),
        ({"a": {"\udc00": 1}}, "/a"),
        ({"a": {1: 2}}, "/a"),
        ({"a": b"bytes"}, "/a"),
        (nested(MAX_DEPTH + 1), "/a/a/a/a"),
        (nested(50_000), "/a/a/a/a"),
    ],
)
def test_the_first_offence_is_pointed_at(value, field):
    with pytest.raises(InvalidError) as caught:
        check_json(value)

    assert (caught.value.code, caught.value.field) == ("Invalid", field)


def test_payload_bytes_are_counted_as_compact_utf8():
    check_payload({"x": "ü" * ((MAX_PAYLOAD_BYTES - 8) // 2)})
    with pytest.raises(TooLargeError):
        check_payload({"x": "ü" * (MAX_PAYLOAD_BYTES // 2)})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=6),
    )
)
def test_the_cheap_test_never_passes_what_the_walk_refuses(value):
    raw = json.dumps(value).encode()
    if b"NaN" in raw or b"Infinity" in raw:
        return
    if surely_within_limits(raw):
        check_json(value)
