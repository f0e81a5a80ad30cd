"""What may become of a spec: immutable fields, one-way fields, and the relations that a laptop checks too."""

from __future__ import annotations

from typing import Any

import pytest
from kube_objects import Objects, RefusedError
from pool_documents import QUEUE, REFUSED, changed

FULL: dict[str, Any] = {
    "queue": "images",
    "task": "media.resize",
    "payload": {"bucket": "cats", "width": 640, "deep": {"a": [1, {"b": None}]}},
    "startAfter": "2026-11-23T06:00:00Z",
    "retry": {"maxAttempts": 5, "backoff": {"initialSeconds": 1}, "nonRetryable": ["ValueError"]},
    "timeoutSeconds": 60,
    "activeDeadlineSeconds": 3600,
    "payloadRef": {"artifact": "big.json"},
    "dependsOn": [{"name": "fetch-cats", "when": "Completed"}],
    "array": {"count": 1000, "parallelism": 50, "maxFailed": 10},
    "idempotencyKey": "cats-2026-11-23",
    "concurrencyKey": "customer-7",
}
OTHER: dict[str, Any] = {
    "queue": "other",
    "task": "media.crop",
    "payload": {"width": 641},
    "startAfter": "2026-11-23T06:00:01Z",
    "retry": {"maxAttempts": 6},
    "timeoutSeconds": 61,
    "activeDeadlineSeconds": 3601,
    "payloadRef": {"artifact": "other.json"},
    "dependsOn": [{"name": "fetch-dogs"}],
    "array": {"count": 1001},
    "idempotencyKey": "dogs",
    "concurrencyKey": "customer-8",
}
OPTIONAL = sorted(FULL.keys() - {"queue", "task"})


def refusal(objects: Objects, obj: dict[str, Any], spec: dict[str, Any]) -> str:
    with pytest.raises(RefusedError) as caught:
        objects.merge(obj, spec)
    assert 422 == caught.value.status
    return caught.value.message


@pytest.fixture(scope="module")
def full(jobs: Objects) -> dict[str, Any]:
    return jobs.create(FULL)


@pytest.fixture(scope="module")
def bare(jobs: Objects) -> dict[str, Any]:
    return jobs.create({"task": "media.resize"})


@pytest.mark.parametrize("field", FULL)
def test_an_immutable_field_cannot_be_changed(jobs: Objects, full: dict[str, Any], field: str) -> None:
    assert f"{field} is immutable: delete the TaskJob and create it again" in refusal(jobs, full, {field: OTHER[field]})


@pytest.mark.parametrize("field", OPTIONAL)
def test_an_immutable_field_cannot_be_unset_and_so_not_be_set_anew(
    jobs: Objects, full: dict[str, Any], field: str
) -> None:
    assert f"{field} is immutable" in refusal(jobs, full, {field: None})


@pytest.mark.parametrize("field", OPTIONAL)
def test_an_immutable_field_cannot_be_set_later(jobs: Objects, bare: dict[str, Any], field: str) -> None:
    assert f"{field} is immutable" in refusal(jobs, bare, {field: FULL[field]})


@pytest.mark.parametrize(
    "change",
    [
        {"payload": {"width": 641}},
        {"payload": {"bucket": None}},
        {"payload": {"more": 1}},
        {"payload": {"deep": {"a": [1, {"b": 0}]}}},
        {"retry": {"backoff": {"initialSeconds": 2}}},
        {"retry": {"nonRetryable": ["ValueError", "KeyError"]}},
    ],
)
def test_nor_anything_within_it(jobs: Objects, full: dict[str, Any], change: dict[str, Any]) -> None:
    (field,) = change

    assert f"{field} is immutable" in refusal(jobs, full, change)


@pytest.mark.parametrize("spec", [FULL, {"task": "media.resize"}], ids=["full", "bare"])
def test_what_is_mutable_changes_whatever_else_is_set(jobs: Objects, spec: dict[str, Any]) -> None:
    job = jobs.create(spec)
    changes = {
        "priority": -1000,
        "suspend": True,
        "cancel": True,
        "rerun": 1,
        "ttlSecondsAfterFinished": 0,
        "ttlSecondsAfterFailed": 5,
    }

    for field, value in changes.items():
        assert value == jobs.merge(job, {field: value})["spec"][field]
    jobs.merge(job, {"priority": None, "suspend": None, "ttlSecondsAfterFinished": None})


@pytest.mark.parametrize("back", [False, None])
def test_a_cancel_is_one_way(jobs: Objects, back: bool | None) -> None:
    job = jobs.create({"task": "a", "cancel": True, "rerun": 1})

    assert "cancel cannot be undone" in refusal(jobs, job, {"cancel": back})
    assert "cancel cannot be undone" in refusal(jobs, job, {"cancel": back, "rerun": 1})
    assert 2 == jobs.merge(job, {"cancel": back, "rerun": 2})["spec"]["rerun"]


def test_rerun_only_grows(jobs: Objects) -> None:
    job = jobs.create({"task": "a", "rerun": 2})

    assert "rerun only grows" in refusal(jobs, job, {"rerun": 1})
    assert "rerun only grows" in refusal(jobs, job, {"rerun": None})
    assert 3 == jobs.merge(job, {"rerun": 3})["spec"]["rerun"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "spec.task: Required value"),
        ({"task": "a b"}, "spec.task"),
        ({"task": "a", "queue": "A"}, "spec.queue"),
        ({"task": "a", "priority": 1001}, "spec.priority"),
        ({"task": "a", "priority": "1"}, "spec.priority"),
        ({"task": "a", "timeoutSeconds": 604_801}, "spec.timeoutSeconds"),
        ({"task": "a", "startAfter": "tomorrow"}, "spec.startAfter"),
        ({"task": "a", "retry": {"backoff": {"multiplier": 11}}}, "spec.retry.backoff.multiplier"),
        ({"task": "a", "retry": {"nonRetryable": ["A", "A"]}}, "spec.retry.nonRetryable[1]: Duplicate value"),
        ({"task": "a", "dependsOn": [{"name": "a"}, {"name": "a"}]}, "spec.dependsOn[1]: Duplicate value"),
        ({"task": "a", "array": {"count": 1, "maxFailed": 2}}, "maxFailed is above count"),
        ({"task": "a", "payload": []}, "spec.payload"),
        ({"task": "a", "retry": {"maxAttempt": 1}}, 'unknown field "spec.retry.maxAttempt"'),
    ],
)
def test_a_bad_job_is_refused_with_its_field(jobs: Objects, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        jobs.create(spec)

    assert words in caught.value.message


@pytest.mark.parametrize(
    ("kind", "name"),
    [("jobs", "a" * 64), ("queues", "a" * 41), ("queues", "1a"), ("queues", "a.b")],
)
def test_a_name_that_jobs_could_not_refer_to_is_refused(request: pytest.FixtureRequest, kind: str, name: str) -> None:
    objects: Objects = request.getfixturevalue(kind)

    with pytest.raises(RefusedError, match=r"metadata\.name: at most"):
        objects.create({"task": "a"} if kind == "jobs" else {}, name)


def test_the_longest_names_are_taken(jobs: Objects, queues: Objects) -> None:
    jobs.create({"task": "a"}, "a" * 63)
    queues.create({}, "a" * 40)


def test_all_that_a_pool_may_say_is_taken(queues: Objects) -> None:
    assert QUEUE["worker"] == queues.create(QUEUE)["spec"]["worker"]


NOT_SEEN_BY_THE_SERVER = {
    "/spec/worker/template/labels/a queue": "a structural schema cannot bound the keys of a map",
    "/spec/worker/resources/limits/cpu=-1": "a pattern does not hold for a number",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [(path, value) for path, value, _, _ in REFUSED if not {path, f"{path}={value}"} & NOT_SEEN_BY_THE_SERVER.keys()],
)
def test_what_a_laptop_refuses_of_a_pool_is_refused_by_the_server(queues: Objects, path: str, value: Any) -> None:
    with pytest.raises(RefusedError) as caught:
        queues.create(changed(path, value))

    assert caught.value.status in {400, 422}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"worker": {"image": "a"}, "deploymentRef": {"name": "a"}}, "set worker or deploymentRef, not both"),
        ({"autoscaling": {"minReplicas": 11}}, "minReplicas is above maxReplicas"),
        ({"autoscaling": {"minReplicas": 3, "maxReplicas": 2}}, "minReplicas is above maxReplicas"),
        ({"limits": {"maxConcurrency": 0}}, "spec.limits.maxConcurrency"),
    ],
)
def test_a_bad_queue_is_refused_with_its_field(queues: Objects, spec: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        queues.create(spec)

    assert words in caught.value.message
