import json

import pytest

from taskjob.errors import InvalidError, TooLargeError
from taskjob_engine.policies.payload import MAX_DEPTH, MAX_PAYLOAD_BYTES, check_payload, encode_payload


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b' {"a": [1, 2.5, "x", null, true]} ',
        b'{"a": 9007199254740992, "b": -9007199254740992}',
        b'{"card": "1234567890123456789012345"}',
        '{"emoji": "\\ud83d\\ude00 ü"}'.encode(),
        nested(MAX_DEPTH),
        b'{"wide": [' + b",".join([b"[]"] * 500) + b"]}",
        b'{"a": "' + b"x" * (MAX_PAYLOAD_BYTES - 9) + b'"}',
    ],
)
def test_legal_payloads_pass(raw):
    assert isinstance(json.loads(raw), dict)
    check_payload(raw)


@pytest.mark.parametrize(
    ("raw", "kind", "field"),
    [
        (b"[1]", InvalidError, "/payload"),
        (b"null", InvalidError, "/payload"),
        (b'"text"', InvalidError, "/payload"),
        (b"", InvalidError, "/payload"),
        (b'{"a": 1', InvalidError, "/payload"),
        (b'{"a": NaN}', InvalidError, "/payload"),
        (b'{"a": Infinity}', InvalidError, "/payload"),
        (b'{"a": 1e999}', InvalidError, "/payload"),
        (b'{"a": "\\ud800"}', InvalidError, "/payload"),
        (b'{"a": "\xff"}', InvalidError, "/payload"),
        (b'{"a": 9007199254740993}', InvalidError, "/payload/a"),
        (b'{"a": [0, {"b/c~": -9007199254740993}]}', InvalidError, "/payload/a/1/b~1c~0"),
        (nested(MAX_DEPTH + 1), TooLargeError, "/payload"),
        (nested(5000), TooLargeError, "/payload"),
        (b"[" * 100_000, TooLargeError, "/payload"),
        (b'{"a": "' + b"x" * MAX_PAYLOAD_BYTES + b'"}', TooLargeError, "/payload"),
    ],
)
def test_illegal_payloads_are_refused_with_a_pointer(raw, kind, field):
    with pytest.raises(InvalidError) as refusal:
        check_payload(raw)
    assert type(refusal.value) is kind
    assert refusal.value.field == field


def test_python_values_are_encoded_as_they_are():
    assert json.loads(encode_payload({"a": [1, {"b": None}], "c": 1.5})) == {"a": [1, {"b": None}], "c": 1.5}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([1], "/payload"),
        ({"a": float("nan")}, "/payload/a"),
        ({"a": float("-inf")}, "/payload/a"),
        ({"a": ["\ud800"]}, "/payload/a/0"),
        ({"\udc00": 1}, "/payload"),
        ({1: 2}, "/payload"),
        ({"a": b"bytes"}, "/payload/a"),
        ({"a": 2**53 + 1}, "/payload/a"),
    ],
)
def test_python_values_without_a_json_form_are_refused(value, field):
    with pytest.raises(InvalidError) as refusal:
        encode_payload(value)
    assert refusal.value.field == field


def test_the_size_of_an_encoded_payload_is_bounded():
    with pytest.raises(TooLargeError):
        encode_payload({"a": "x" * MAX_PAYLOAD_BYTES})
    deep: dict = {}
    for _ in range(MAX_DEPTH):
        deep = {"a": deep}
    with pytest.raises(TooLargeError):
        encode_payload(deep)
