"""Events where one operator follows another: each test here starts its own."""

from __future__ import annotations

from typing import Any

from control_plane import ControlPlane
from live_operator import Stack, eventually

EVENTS = "taskjob_operator_events_total"
FAILS: dict[str, Any] = {"task": "fail", "payload": {"message": "no disk"}, "retry": {"maxAttempts": 1}}


def events(plane: ControlPlane, namespace: str) -> list[dict[str, Any]]:
    return list(plane.call("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"])


def test_a_restarted_operator_tells_nothing_again(stack: Stack, plane: ControlPlane) -> None:
    with stack.served_jobs() as jobs:
        with stack.operator() as first:
            jobs.create("bad", **FAILS)
            eventually(lambda: events(plane, jobs.namespace), "its Event")
            first.kill()
        [told] = events(plane, jobs.namespace)

        with stack.successor() as second:
            jobs.create("worse", **FAILS)
            eventually(lambda: len(events(plane, jobs.namespace)) == 2, "the Event of another")
            eventually(lambda: second.metric(EVENTS, outcome="written") == 1, "it is counted")
            assert 1 == second.metric(EVENTS), "one told again would have been before it, and is known"

        assert told in events(plane, jobs.namespace)
