"""A TaskQueue and the Deployment that the operator makes of it, on a real API server."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from control_plane import ROOT, RefusedError
from live_operator import eventually

WORKER = {"image": "taskjob-examples:e2e"}
MERGE = "application/merge-patch+json"
GOLDEN = ROOT / "tests/unit/operator/resources/golden"


def test_a_taskqueue_becomes_a_deployment_that_it_owns(queues: Any) -> None:
    made = queues.create("images", worker=WORKER, replicas=3)

    status = queues.until("images", replicas=3)

    live = queues.deployment("images")
    [owner] = live["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    assert live["spec"]["replicas"] == 3
    assert ("Pending", "0/3", 3) == (status["state"], status["workers"], status["desiredReplicas"])
    assert status["selector"] == "app.kubernetes.io/managed-by=taskjob-operator,taskjob.dev/queue=images"
    assert queues.object("policy/v1 poddisruptionbudgets/taskqueue-images")["spec"]["maxUnavailable"] == "25%"
    assert "finalizers" not in queues.get("images")["metadata"]
    assert "annotations" not in queues.get("images")["metadata"]


def test_pods_of_every_golden_deployment_are_admitted_under_restricted(queues: Any) -> None:
    for name in ("smallest", "full"):
        template = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())["spec"]["template"]
        account = template["spec"]["serviceAccountName"]
        if account != "taskjob-worker":
            queues.account(account, worker="true")
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"] | {"name": name}}
        path = f"/api/v1/namespaces/{queues.namespace}/pods?dryRun=All&fieldValidation=Strict"

        queues.plane.call("POST", path, pod | {"spec": template["spec"]})

        template["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
        with pytest.raises(RefusedError, match="violates PodSecurity"):
            queues.plane.call("POST", path, pod | {"spec": template["spec"]})


def test_replicas_follow_the_taskqueue_and_the_budget_follows_them(queues: Any) -> None:
    queues.create("images", worker=WORKER, replicas=2)
    queues.until("images", replicas=2)

    queues.plane.kubectl("scale", "taskqueue/images", "--replicas=5", "-n", queues.namespace)
    queues.until("images", replicas=5)
    queues.edit("images", replicas=1)
    queues.until("images", replicas=1)

    budget = "policy/v1 poddisruptionbudgets/taskqueue-images"
    eventually(lambda: queues.object(budget) is None, "no budget for one worker")
    queues.edit("images", replicas=0)
    status = queues.until("images", replicas=0)
    assert "ScaledToZero" == next(each for each in status["conditions"] if each["type"] == "Ready")["reason"]


def test_what_others_change_in_the_deployment_is_set_back(queues: Any) -> None:
    queues.create("images", worker=WORKER, replicas=2)
    queues.until("images", replicas=2)

    queues.plane.kubectl("set", "image", "deploy/taskqueue-images", "worker=evil:1", "-n", queues.namespace)
    queues.plane.kubectl("scale", "deploy/taskqueue-images", "--replicas=9", "-n", queues.namespace)

    eventually(lambda: ("taskjob-examples:e2e", 2) == (queues.image("images"), queues.replicas("images")), "set back")


def test_in_mode_disabled_others_scale(queues: Any) -> None:
    queues.create("images", worker=WORKER, replicas=3)
    queues.until("images", replicas=3)
    queues.edit("images", autoscaling={"mode": "Disabled"}, worker={"image": "other:2"})
    eventually(lambda: queues.image("images") == "other:2", "the new image")
    assert queues.replicas("images") == 3, "going to Disabled changes no number"

    queues.plane.kubectl("scale", "deploy/taskqueue-images", "--replicas=5", "-n", queues.namespace)
    queues.edit("images", worker={"image": "other:3"})

    eventually(lambda: queues.image("images") == "other:3", "the next image")
    assert queues.replicas("images") == 5
    # Not `replicas`: the pods of the rollout count there, and without a node it never ends.
    assert queues.until("images", desiredReplicas=5)["workers"] == "0/5"


def test_a_steady_taskqueue_is_written_by_nobody(queues: Any) -> None:
    queues.create("images", worker=WORKER, replicas=2)
    queues.until("images", replicas=2)
    eventually(lambda: queues.status("images").get("statsAt"), "numbers")
    eventually(lambda: _is_known(queues.deployment("images")), "what the Deployment's own controller says of it")
    versions = set()

    def settled() -> bool:
        versions.add((_version(queues.get("images")), _version(queues.deployment("images"))))
        return False

    with pytest.raises(AssertionError):
        eventually(settled, "12 seconds", 12)

    assert len(versions) <= 3, "numbers may be written once in ten seconds, which is twice in twelve"


def _is_known(deployment: dict[str, Any]) -> bool:
    status = deployment.get("status") or {}
    seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return seen and (status.get("updatedReplicas"), status.get("unavailableReplicas")) == (2, 2)


def _version(found: dict[str, Any]) -> str:
    return str(found["metadata"]["resourceVersion"])


@pytest.mark.parametrize("owned", [False, True])
def test_a_deployment_of_someone_else_is_never_taken_over(queues: Any, owned: bool) -> None:
    foreign = _foreign("taskqueue-images")
    if owned:
        path = f"/api/v1/namespaces/{queues.namespace}/configmaps"
        uid = queues.plane.call("POST", path, {"metadata": {"name": "theirs"}})["metadata"]["uid"]
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": uid, "controller": True}
        foreign["metadata"]["ownerReferences"] = [owner]
    path = f"/apis/apps/v1/namespaces/{queues.namespace}/deployments"
    queues.plane.call("POST", path, foreign)

    queues.create("images", worker=WORKER)
    found = queues.until_condition("images", "Ready", "False", "NameTaken")

    assert ("ConfigMap theirs" if owned else "someone else") in found["message"]
    assert (queues.image("images"), queues.replicas("images")) == ("theirs:1", 1)


def test_a_deployment_left_behind_is_taken_up_again(queues: Any) -> None:
    queues.create("images", worker=WORKER, replicas=2)
    queues.until("images", replicas=2)
    before = queues.deployment("images")["metadata"]["uid"]
    queues.plane.kubectl("delete", "taskqueue/images", "--cascade=orphan", "-n", queues.namespace)

    again = queues.create("images", worker=WORKER, replicas=2)
    queues.until("images", replicas=2)

    live = queues.deployment("images")
    assert before == live["metadata"]["uid"]
    assert again["metadata"]["uid"] in {each["uid"] for each in live["metadata"]["ownerReferences"]}


def test_a_namesake_waits_for_the_workers_of_its_predecessor(queues: Any) -> None:
    queues.create("images", worker=WORKER)
    queues.until("images", replicas=1)
    first = queues.deployment("images")["metadata"]["uid"]

    queues.delete("images")
    queues.create("images", worker={"image": "other:2"})

    eventually(lambda: queues.image("images") == "other:2", "the new one's workers", 60)
    assert first != queues.deployment("images")["metadata"]["uid"]


def test_a_referred_deployment_is_scaled_and_never_templated(queues: Any) -> None:
    path = f"/apis/apps/v1/namespaces/{queues.namespace}/deployments"
    queues.plane.call("POST", path, _foreign("mine"))
    queues.create("images", deploymentRef={"name": "mine"}, replicas=3)

    status = queues.until("images", replicas=3)
    assert ("app=mine", "0/3") == (status["selector"], status["workers"])
    queues.edit("images", autoscaling={"mode": "Disabled"})
    queues.until("images", replicas=3)
    queues.plane.kubectl("scale", "deploy/mine", "--replicas=2", "-n", queues.namespace)
    queues.until("images", replicas=2)

    live = queues.object("apps/v1 deployments/mine")
    assert "ownerReferences" not in live["metadata"]
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "theirs:1"


def test_a_referred_deployment_may_come_later(queues: Any) -> None:
    queues.create("images", deploymentRef={"name": "mine"})
    queues.until_condition("images", "Ready", "False", "DeploymentNotFound")

    queues.plane.call("POST", f"/apis/apps/v1/namespaces/{queues.namespace}/deployments", _foreign("mine"))

    queues.until("images", replicas=1)


@pytest.mark.parametrize("labels", [{}, {"worker": "yes"}])
def test_an_account_that_is_not_for_workers_is_forbidden(queues: Any, labels: dict[str, str]) -> None:
    queues.account("payments", **labels)
    queues.create("images", worker=WORKER | {"serviceAccountName": "payments"})

    found = queues.until_condition("images", "WorkersForbidden", "True", "WorkersForbidden")

    assert "kubectl label serviceaccount payments" in found["message"]
    assert queues.deployment("images") is None
    patch = {"metadata": {"labels": {"taskjob.dev/worker": "true"}}}
    queues.plane.call("PATCH", f"/api/v1/namespaces/{queues.namespace}/serviceaccounts/payments", patch, MERGE)
    queues.until("images", replicas=1)


def test_a_quota_is_told(queues: Any) -> None:
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}}
    queues.plane.call("POST", f"/api/v1/namespaces/{queues.namespace}/resourcequotas", quota)
    quotas = "v1 resourcequotas/few"
    eventually(lambda: queues.object(quotas).get("status", {}).get("hard"), "the quota counts")

    queues.create("images", worker=WORKER, replicas=2)

    found = queues.until_condition("images", "WorkersFailing", "True", "QuotaExceeded")
    assert "exceeded quota: few" in found["message"]


def test_a_template_that_the_cluster_refuses_is_told(queues: Any) -> None:
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": "x"}}}
    queues.create("images", worker=WORKER | {"template": {"affinity": affinity}})

    found = queues.until_condition("images", "Stalled", "True", "InvalidTemplate")

    assert "nodeSelectorTerms" in found["message"]


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"worker": WORKER, "autoscaling": {"mode": "Builtin"}}, "autoscaling.mode"),
        ({"worker": WORKER, "autoscaling": {"mode": "External"}}, "autoscaling.mode"),
        ({"worker": WORKER, "circuitBreaker": {"failurePercent": 50}}, "circuitBreaker"),
    ],
)
def test_what_is_not_built_yet_is_refused_by_name(queues: Any, spec: dict[str, Any], field: str) -> None:
    queues.create("images", **spec)

    status = queues.until("images", state="Invalid")

    stalled = next(each for each in status["conditions"] if each["type"] == "Stalled")
    assert "NotYetSupported" == stalled["reason"]
    assert field in stalled["message"]
    assert queues.deployment("images") is None


def _foreign(name: str) -> dict[str, Any]:
    """A Deployment with pods that may run here, made by hand."""
    template = yaml.safe_load((GOLDEN / "smallest.yaml").read_text())["spec"]["template"]
    template["metadata"]["labels"] = labels = {"app": "mine"}
    template["spec"]["containers"][0]["image"] = "theirs:1"
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
