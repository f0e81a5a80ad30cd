import pytest

from taskjob.errors import InvalidError
from taskjob_engine.policies.canonical import canonical_json, document_hash

DOCUMENT = {"queue": "images", "task": "resize", "payload": {"width": 640, "names": ["b", "a"]}, "idempotencyKey": "k"}


def test_the_canonical_form_is_fixed():
    """Kept keys were hashed with it: a change of this form is a change of every user's keys."""
    assert canonical_json({"task": "t", "queue": "q", "payload": {"b": 1.0, "a": "ü"}}) == (
        '{"payload":{"a":"ü","b":1},"queue":"q","task":"t"}'.encode()
    )
    assert document_hash({"task": "t", "queue": "q"}) == (
        "2ba87cb2d276f58e38f9747e8c67feece4d0d8b10cc84aa57fe00ceef7efbfb2"
    )


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(DOCUMENT.items())),
        DOCUMENT | {"payload": {"names": ["b", "a"], "width": 640.0}},
        DOCUMENT | {"labels": None},
        DOCUMENT | {"priority": 7, "suspend": True, "rerun": 2, "cancel": True},
        DOCUMENT | {"ttlSecondsAfterFinished": 1, "ttlSecondsAfterFailed": 2},
    ],
)
def test_the_same_meaning_has_the_same_hash(same):
    assert document_hash(same) == document_hash(DOCUMENT)


@pytest.mark.parametrize(
    "other",
    [
        DOCUMENT | {"queue": "default"},
        DOCUMENT | {"payload": {"width": 641, "names": ["b", "a"]}},
        DOCUMENT | {"payload": {"width": 640, "names": ["a", "b"]}},
        DOCUMENT | {"payload": {"width": "640", "names": ["b", "a"]}},
        DOCUMENT | {"payload": DOCUMENT["payload"] | {"height": None}},
        DOCUMENT | {"payload": {"width": 640.5, "names": ["b", "a"]}},
        DOCUMENT | {"timeoutSeconds": 3600},
    ],
)
def test_another_meaning_has_another_hash(other):
    assert document_hash(other) != document_hash(DOCUMENT)


def test_nulls_of_nested_document_fields_do_not_count():
    bare = DOCUMENT | {"retry": {"maxAttempts": 3}}
    assert document_hash(DOCUMENT | {"retry": {"maxAttempts": 3, "backoff": None}}) == document_hash(bare)


def test_floats_in_a_payload_are_canonical_at_any_depth():
    deep = {"payload": {"a": [{"b": 2.0}, -0.0, 1e3, 0.1]}}
    assert canonical_json(deep) == b'{"payload":{"a":[{"b":2},0,1000,0.1]}}'


def test_what_has_no_json_form_is_refused():
    with pytest.raises(InvalidError):
        document_hash({"payload": {"a": object()}})
