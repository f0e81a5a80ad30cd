"""An Event as the API server takes it: within its bounds, and the same one whenever the same thing is told."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskjob_operator.events.event import MAX_NOTE, Event, Subject

AT = dt.datetime(2026, 11, 23, 7, 0, 0, 120, tzinfo=dt.timezone(dt.timedelta(hours=1)))
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def event(name: str = "cats", uid: str = "uid-1", **fields: Any) -> Event:
    given_fields: dict[str, Any] = {
        "subject": Subject(kind="TaskJob", namespace="media", name=name, uid=uid, queue="images"),
        "warning": True,
        "reason": "AttemptsExhausted",
        "action": "DeadLetter",
        "note": "no disk",
        "happening": ("DeadLetter", "0"),
    }
    return Event(**given_fields | fields)


def document(one: Event) -> dict[str, Any]:
    return one.document(instance="operator-7f", at=AT)


def name_of(one: Event) -> str:
    return str(document(one)["metadata"]["name"])


def test_an_event_says_what_happened_to_which_object_and_who_tells_it() -> None:
    told = document(event())

    assert re.fullmatch(r"cats\.[0-9a-f]{16}", told["metadata"].pop("name"))
    assert {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "media"},
        "eventTime": "2026-11-23T06:00:00.000120Z",
        "type": "Warning",
        "reason": "AttemptsExhausted",
        "action": "DeadLetter",
        "note": "no disk",
        "reportingController": "taskjob.dev/operator",
        "reportingInstance": "operator-7f",
        "regarding": {
            "apiVersion": "taskjob.dev/v1alpha1",
            "kind": "TaskJob",
            "namespace": "media",
            "name": "cats",
            "uid": "uid-1",
        },
    } == told


def test_the_same_thing_is_the_same_event_whatever_is_said_of_it_and_by_whom() -> None:
    assert name_of(event()) == name_of(event(note="other words", reason="NonRetryable"))
    assert document(event())["metadata"] == event().document(instance="another", at=dt.datetime.now(dt.UTC))["metadata"]


@pytest.mark.parametrize("other", [{"uid": "uid-2"}, {"happening": ("DeadLetter", "1")}, {"happening": ("Rejected",)}])
def test_another_object_and_another_happening_are_another_event(other: dict[str, Any]) -> None:
    assert name_of(event()) != name_of(event(**other))


@pytest.mark.parametrize("name", ["a", "x" * 253, "y" * 235 + ".z", "y" * 234 + "." * 1 + "zz" * 9])
def test_a_name_is_one_for_the_api_server_however_long_the_objects_is(name: str) -> None:
    made = name_of(event(name=name))

    assert len(made) <= 253
    assert SUBDOMAIN.fullmatch(made)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=3000))
@example("ü" * 1000)
@example("x" * 1025)
def test_a_note_is_within_its_bytes_and_begins_as_it_was_given(note: str) -> None:
    told = document(event(note=note))["note"]

    assert len(told.encode()) <= MAX_NOTE
    assert told == note or note.startswith(told.removesuffix("…"))
    assert told == note or len(told.encode()) > MAX_NOTE - 8


def test_words_are_within_their_bounds() -> None:
    told = event(reason="R" * 200, action="A" * 200).document(instance="i" * 200, at=AT)

    assert [128, 128, 128] == [len(told[key]) for key in ("reason", "action", "reportingInstance")]
