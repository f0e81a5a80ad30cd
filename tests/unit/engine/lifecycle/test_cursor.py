"""Cursors come back as they were given, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskjob.errors import InvalidError
from taskjob.model import new_job_id
from taskjob_engine.lifecycle.cursor import decode_cursor, encode_cursor


@given(st.integers(0, 2**128 - 1), st.sampled_from(("default", "team-a")))
def test_a_cursor_names_its_job(number, namespace):
    job = f"{number:032x}"
    assert decode_cursor(namespace, encode_cursor(namespace, job)) == job


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_invalid(text):
    with pytest.raises(InvalidError):
        decode_cursor("default", text)


def test_a_cursor_of_another_namespace_is_invalid():
    with pytest.raises(InvalidError):
        decode_cursor("other", encode_cursor("default", new_job_id()))


@given(st.integers(0, 39), st.sampled_from("0123456789abcdef"))
def test_a_changed_cursor_is_invalid(at, digit):
    cursor = encode_cursor("default", f"{7**40:032x}"[:32])
    changed = cursor[:at] + digit + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidError):
            decode_cursor("default", changed)
