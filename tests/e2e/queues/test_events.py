"""What `kubectl describe` shows of a TaskQueue beside its status: how it was scaled, and what turned bad."""

from __future__ import annotations

from typing import Any

from live_operator import eventually
from live_queues import Queues

WORKER = {"image": "taskjob-examples:e2e"}
LABELLED = {"metadata": {"labels": {"taskjob.dev/worker": "true"}}}
MERGE = "application/merge-patch+json"


def told(queues: Queues) -> list[tuple[str, str]]:
    """Reason and note of the operator's Events, in the order in which they were told."""
    found: list[dict[str, Any]] = queues.plane.call(
        "GET", f"/apis/events.k8s.io/v1/namespaces/{queues.namespace}/events"
    )["items"]
    ours = [one for one in found if one["reportingController"] == "taskjob.dev/operator"]
    return [(one["reason"], one["note"]) for one in sorted(ours, key=lambda one: str(one["eventTime"]))]


def test_describe_shows_how_the_operator_scaled(queues: Queues) -> None:
    queues.create("images", worker=WORKER, replicas=1)
    queues.until("images", replicas=1)
    queues.edit("images", worker=WORKER | {"image": "other:2"})
    eventually(lambda: queues.image("images") == "other:2", "an apply that scales nothing")

    for replicas in (3, 0):
        queues.edit("images", replicas=replicas)
        queues.until("images", desiredReplicas=replicas)

    wanted = [
        ("ScaledUp", "Deployment taskqueue-images from 1 to 3"),
        ("ScaledDown", "Deployment taskqueue-images from 3 to 0"),
    ]
    eventually(lambda: len(told(queues)) >= 2, "both Events")
    assert wanted == told(queues)
    shown = queues.plane.kubectl("describe", "tq/images", "-n", queues.namespace)
    assert "Normal  ScaledUp" in shown
    assert "from 1 to 3" in shown


def test_what_others_scaled_is_no_decision_of_the_operators_but_setting_it_back_is(queues: Queues) -> None:
    queues.create("images", worker=WORKER, replicas=2)
    queues.until("images", replicas=2)

    queues.plane.kubectl("scale", "deploy/taskqueue-images", "--replicas=9", "-n", queues.namespace)

    eventually(lambda: told(queues), "an Event")
    assert [("ScaledDown", "Deployment taskqueue-images from 9 to 2")] == told(queues)


def test_a_condition_that_turns_bad_is_told_once_a_turn(queues: Queues) -> None:
    queues.account("payments")
    queues.create("images", worker=WORKER | {"serviceAccountName": "payments"})
    found = queues.until_condition("images", "WorkersForbidden", "True", "WorkersForbidden")
    eventually(lambda: told(queues), "the Event")
    queues.edit("images", worker={"drainSeconds": 90})
    queues.until("images", state="Degraded")

    queues.plane.call("PATCH", f"/api/v1/namespaces/{queues.namespace}/serviceaccounts/payments", LABELLED, MERGE)
    queues.until("images", replicas=1)
    queues.edit("images", replicas=2)
    queues.until("images", replicas=2)

    eventually(lambda: len(told(queues)) >= 2, "the next Event")
    assert ["WorkersForbidden", "ScaledUp"] == [reason for reason, _ in told(queues)]
    assert found["message"] == told(queues)[0][1]
    assert "Warning  WorkersForbidden" in queues.plane.kubectl("describe", "tq/images", "-n", queues.namespace)
