"""What keeps workers from running, read from objects as a kubelet and the API server write them."""

from __future__ import annotations

from typing import Any

import pytest

from taskjob_operator.kube.errors import KubeError
from taskjob_operator.queues.trouble import Trouble, of_deployment, of_pods, of_refusal

QUOTA = 'pods "w-1" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2'


def pod(**container: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "w"},
        "status": {"containerStatuses": [{"name": "worker", "image": "a:1", **container}]},
    }


def waiting(reason: str, message: str = "", /, **ended: Any) -> dict[str, Any]:
    return pod(
        state={"waiting": {"reason": reason, "message": message}}, lastState={"terminated": ended} if ended else {}
    )


UNSCHEDULABLE = {
    "metadata": {"name": "w"},
    "status": {
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
        ]
    },
}


@pytest.mark.parametrize(
    ("status", "message", "reason", "condition"),
    [
        (403, 'deployments.apps is forbidden: User "x" cannot patch', "WorkersForbidden", "WorkersForbidden"),
        (403, 'deployments.apps "a" is forbidden: exceeded quota: few', "QuotaExceeded", "WorkersFailing"),
        (
            403,
            'admission webhook "rules.kyverno" denied the request: no label team',
            "AdmissionDenied",
            "WorkersFailing",
        ),
        (
            422,
            "deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'y' denied request: no",
            "AdmissionDenied",
            "WorkersFailing",
        ),
        (422, "Deployment.apps is invalid: spec.template.spec.affinity", "InvalidTemplate", "WorkersFailing"),
        (400, "strict decoding error: unknown field", "InvalidTemplate", "WorkersFailing"),
        (500, 'Internal error occurred: failed calling webhook "a.b"', "WebhookFailed", "WorkersFailing"),
        (500, "failed to create typed patch object (a; b): .spec: expected list", "InvalidTemplate", "WorkersFailing"),
    ],
)
def test_a_refusal_that_stands_is_told(status: int, message: str, reason: str, condition: str) -> None:
    found = of_refusal(KubeError(status, "", message), "media")

    assert found is not None
    assert (reason, condition) == (found.reason, found.condition)
    assert message in found.message


@pytest.mark.parametrize("status", [0, 401, 404, 409, 429, 500, 503])
def test_a_refusal_that_passes_is_tried_again(status: int) -> None:
    assert of_refusal(KubeError(status, "", ""), "media") is None


def test_forbidden_workers_name_the_mend() -> None:
    found = of_refusal(KubeError(403, "Forbidden", "no"), "media")

    assert found is not None
    assert "add it to the chart's workerNamespaces" in found.message


@pytest.mark.parametrize(
    ("message", "reason"),
    [(QUOTA, "QuotaExceeded"), ('pods "w-1" is forbidden: violates PodSecurity', "FailedCreate")],
)
def test_pods_that_cannot_be_created_are_told(message: str, reason: str) -> None:
    conditions = [
        {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"},
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message},
    ]

    assert of_deployment({"status": {"conditions": conditions}}) == Trouble(reason=reason, message=message)
    assert of_deployment({"status": {"conditions": conditions[:1]}}) is None


SAID = "starting\nerror: no module a\nnext: mend it"


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        (waiting("ErrImagePull", "not found"), "ImagePullBackOff", "a:1: not found"),
        (waiting("ImagePullBackOff"), "ImagePullBackOff", "a:1"),
        (waiting("CreateContainerConfigError", 'secret "s" not found'), "CreateContainerConfigError", "secret"),
        (waiting("CrashLoopBackOff", exitCode=2, message=SAID), "CrashLoopBackOff", "ended with status 2: no module a"),
        (waiting("CrashLoopBackOff", exitCode=137, reason="OOMKilled"), "CrashLoopBackOff", "137 (OOMKilled)"),
        (waiting("CrashLoopBackOff", "back-off 10s"), "CrashLoopBackOff", "back-off 10s"),
        (UNSCHEDULABLE, "Unschedulable", "0/3 nodes"),
    ],
)
def test_what_is_wrong_with_a_pod_is_told(found: dict[str, Any], reason: str, words: str) -> None:
    trouble = of_pods([found])

    assert trouble is not None
    assert trouble.reason == reason
    assert words in trouble.message


def test_other_lines_of_a_log_stay_in_the_log() -> None:
    trouble = of_pods([waiting("CrashLoopBackOff", "", exitCode=1, message="password=hunter2")])

    assert trouble == Trouble(reason="CrashLoopBackOff", message="the worker ended with status 1", final=True)


def test_what_a_person_must_mend_is_told_first_and_counted() -> None:
    trouble = of_pods(
        [UNSCHEDULABLE, waiting("ImagePullBackOff"), waiting("ErrImagePull"), waiting("CrashLoopBackOff")]
    )

    assert trouble is not None
    assert trouble.reason == "ImagePullBackOff"
    assert "(and 1 more pods)" in trouble.message


@pytest.mark.parametrize(
    "fine",
    [
        pod(state={"running": {}}),
        pod(state={"waiting": {"reason": "ContainerCreating"}}),
        {**waiting("ImagePullBackOff"), "metadata": {"name": "w", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
        {"metadata": {"name": "w"}},
    ],
)
def test_a_pod_that_starts_runs_or_goes_is_no_trouble(fine: dict[str, Any]) -> None:
    assert of_pods([fine]) is None


def test_a_message_is_short_enough_for_a_condition() -> None:
    assert len(Trouble(reason="A", message="x" * 5000).shown) <= 512
