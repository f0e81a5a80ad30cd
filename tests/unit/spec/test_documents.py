"""What the documents accept, and how they explain what they refuse."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from taskjob.errors import InvalidError, NotYetSupportedError
from taskjob.spec import (
    InvalidDocumentError,
    TaskJob,
    TaskQueue,
    TaskSchedule,
    read_document,
    read_job_document,
    refuse_later_fields,
)

TASK_JOB: dict[str, Any] = {
    "apiVersion": "taskjob.dev/v1alpha1",
    "kind": "TaskJob",
    "metadata": {"name": "resize-cats", "namespace": "media", "labels": {"app": "cats"}},
    "spec": {
        "queue": "images",
        "task": "media.resize",
        "payload": {"bucket": "cats", "width": 640},
        "priority": 0,
        "startAfter": "2026-11-23T06:00:00Z",
        "retry": {
            "maxAttempts": 5,
            "maxLost": 3,
            "backoff": {"initialSeconds": 1, "multiplier": 2, "maxSeconds": 300, "jitterPercent": 20},
            "nonRetryable": ["ValueError"],
        },
        "timeoutSeconds": 60,
        "activeDeadlineSeconds": 3600,
        "dependsOn": [{"name": "fetch-cats", "when": "Completed"}],
        "array": {"count": 1000, "parallelism": 50, "maxFailed": 10},
        "idempotencyKey": "cats-2026-11-23",
        "concurrencyKey": "customer-7",
        "suspend": False,
        "cancel": False,
        "rerun": 0,
        "ttlSecondsAfterFinished": 86400,
        "ttlSecondsAfterFailed": 1209600,
    },
    "status": {"phase": "Running", "anything": ["at", "all"]},
}
TASK_QUEUE: dict[str, Any] = {
    "apiVersion": "taskjob.dev/v1alpha1",
    "kind": "TaskQueue",
    "metadata": {"name": "images"},
    "spec": {
        "worker": {"image": "ghcr.io/acme/w@sha256:4f", "concurrency": 8, "env": [{"name": "A", "value": "b"}]},
        "autoscaling": {"mode": "Builtin", "minReplicas": 0, "maxReplicas": 20},
        "limits": {"maxConcurrency": 100, "ratePerSecond": 50, "maxLiveJobs": 100000, "perConcurrencyKey": 1},
        "jobDefaults": {"retry": {"maxAttempts": 5}, "timeoutSeconds": 300},
        "circuitBreaker": {"failurePercent": 50, "minSamples": 20, "openSeconds": 30},
        "paused": False,
    },
}
TASK_SCHEDULE: dict[str, Any] = {
    "apiVersion": "taskjob.dev/v1alpha1",
    "kind": "TaskSchedule",
    "metadata": {"name": "nightly-report"},
    "spec": {
        "schedules": ["H 2 * * *"],
        "timeZone": "Europe/Berlin",
        "jobTemplate": {"metadata": {"labels": {"report": "nightly"}}, "spec": {"task": "reports.build"}},
    },
}


@pytest.mark.parametrize(("raw", "kind"), [(TASK_JOB, TaskJob), (TASK_QUEUE, TaskQueue), (TASK_SCHEDULE, TaskSchedule)])
def test_the_documents_of_the_design_are_read(raw, kind):
    document = read_document(raw)

    assert isinstance(document, kind)
    written = document.model_dump(by_alias=True, exclude_none=True)
    assert read_document(written).model_dump() == document.model_dump()
    assert "status" not in written


def changed(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(raw)
    *parents, last = path.split(".")
    target = document
    for part in parents:
        target = target[part]
    target[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "field", "words"),
    [
        ("kind", "TaskJobb", "/kind", "TaskJob, TaskQueue, TaskSchedule"),
        ("apiVersion", "taskjob.dev/v1", "/apiVersion", "taskjob.dev/v1alpha1"),
        ("spec.task", None, "/spec/task", "expected a string, got null"),
        ("spec.priority", 1001, "/spec/priority", "at most 1000"),
        ("spec.priority", -1001, "/spec/priority", "at least -1000"),
        ("spec.priority", "5", "/spec/priority", "without quotes"),
        ("spec.priority", True, "/spec/priority", "got true"),
        ("spec.timeoutSeconds", 0, "/spec/timeoutSeconds", "at least 1"),
        ("spec.timeoutSeconds", 604_801, "/spec/timeoutSeconds", "at most 604800"),
        ("spec.retry.maxAttempts", 101, "/spec/retry/maxAttempts", "at most 100"),
        ("spec.retry.backoff.multiplier", 1.5, "/spec/retry/backoff/multiplier", "expected an integer"),
        ("spec.suspend", "no", "/spec/suspend", "true or false"),
        ("spec.queue", "a" * 41, "/spec/queue", "at most 40 characters"),
        ("spec.array.maxFailed", 1001, "/spec/array", "maxFailed is above count"),
        ("spec.dependsOn", [{"name": "x", "when": "Done"}], "/spec/dependsOn/0/when", "'Completed'"),
        ("spec.payload", [], "/spec/payload", "expected an object, got a list"),
        ("spec.maxAttempts", 3, "/spec/maxAttempts", "unknown field"),
        ("spec.retry.maxAttempt", 3, "/spec/retry/maxAttempt", "did you mean 'maxAttempts'?"),
        ("metadata.name", "Cats", "/metadata/name", "lower-case"),
        ("metadata.name", None, "/metadata", "generateName"),
        ("metadata.labels", {"app": True}, "/metadata/labels/app", "quotes"),
        ("metadata.finalizers", ["x"], "/metadata/finalizers", "unknown field"),
    ],
)
def test_a_wrong_value_is_named_with_its_pointer_expectation_and_mend(path, value, field, words):
    with pytest.raises(InvalidError) as caught:
        read_document(changed(TASK_JOB, path, value))

    error = caught.value
    assert (error.code, error.field) == ("Invalid", field)
    assert words in f"{error.detail} {error.hint}"


def test_every_problem_of_a_document_is_told():
    raw = changed(changed(TASK_JOB, "spec.priority", "5"), "spec.quue", "images")

    with pytest.raises(InvalidDocumentError) as caught:
        read_document(raw)

    assert sorted(error.field for error in caught.value.errors) == ["/spec/priority", "/spec/quue"]
    assert "(and 1 more)" in caught.value.detail


def test_secrets_in_a_refused_value_are_not_repeated_at_length():
    with pytest.raises(InvalidDocumentError) as caught:
        read_document(changed(TASK_JOB, "spec.priority", "s3cr3t" * 100))

    assert len(caught.value.detail) < 150


@pytest.mark.parametrize("path", ["dependsOn", "array"])
def test_later_fields_of_a_job_are_refused_by_name(path):
    with pytest.raises(NotYetSupportedError) as caught:
        refuse_later_fields("TaskJob", {"task": "a", path: TASK_JOB["spec"][path]})

    assert (caught.value.code, caught.value.field) == ("NotYetSupported", f"/spec/{path}")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"worker": {}}, "/spec/worker"),
        ({"deploymentRef": {}}, "/spec/deploymentRef"),
        ({"replicas": 0}, "/spec/replicas"),
        ({"autoscaling": {}}, "/spec/autoscaling"),
        ({"circuitBreaker": {}}, "/spec/circuitBreaker"),
        ({"jobDefaults": {"activeDeadlineSeconds": 5}}, "/spec/jobDefaults/activeDeadlineSeconds"),
    ],
)
def test_what_needs_a_cluster_is_refused_on_a_queue(spec, field):
    with pytest.raises(NotYetSupportedError) as caught:
        refuse_later_fields("TaskQueue", spec)

    assert caught.value.field == field


def test_a_schedule_is_refused_as_a_whole():
    with pytest.raises(NotYetSupportedError) as caught:
        refuse_later_fields("TaskSchedule", TASK_SCHEDULE["spec"])

    assert caught.value.field == "/kind"


@pytest.mark.parametrize("spec", [{"task": "a"}, {"task": "a", "dependsOn": None}, None, []])
def test_what_is_built_passes(spec):
    refuse_later_fields("TaskJob", spec)


def test_the_task_defaults_to_the_type_of_the_payload():
    assert read_job_document({"payload": {"type": "demo", "value": 123}}).task == "demo"
    assert read_job_document({"task": "other", "payload": {"type": "demo"}}).task == "other"


def test_worker_and_deployment_exclude_each_other():
    with pytest.raises(InvalidDocumentError, match="worker or deploymentRef, not both"):
        read_document(changed(TASK_QUEUE, "spec.deploymentRef", {"name": "workers"}))
