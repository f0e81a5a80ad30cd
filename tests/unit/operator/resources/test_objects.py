"""What the operator applies for a TaskQueue: golden objects, and what no document can change about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from taskjob.spec import read_stored_queue
from taskjob.spec.pod_environment import EnvironmentVariable
from taskjob.spec.worker import WorkerSpec
from taskjob_operator.resources.deployment import deployment, replicas_of
from taskjob_operator.resources.disruption_budget import disruption_budget
from taskjob_operator.resources.service_account import refusal

GOLDEN = Path(__file__).parent / "golden"
UID = "0f3c9f3a-6b1e-4d0f-9a51-c8c6b1f0aa12"

SMALLEST = {"image": "taskjob-examples:e2e"}
FULL: dict[str, Any] = {
    "image": "ghcr.io/acme/media-worker:1",
    "imagePullPolicy": "IfNotPresent",
    "modules": ["media.tasks", "/srv/more.py"],
    "concurrency": 8,
    "drainSeconds": 120,
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
    "env": [
        {"name": "MODE", "value": "fast"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "media-db", "key": "password"}}},
    ],
    "serviceAccountName": "media-worker",
    "template": {
        "labels": {"team": "media", "app.kubernetes.io/name": "mine"},
        "annotations": {"prometheus.io/scrape": "true"},
        "nodeSelector": {"kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "imagePullSecrets": [{"name": "registry"}],
        "envFrom": [{"prefix": "APP_", "configMapRef": {"name": "app"}}, {"secretRef": {"name": "app"}}],
        "volumes": [
            {"name": "config", "configMap": {"name": "app", "items": [{"key": "a", "path": "a.ini"}]}},
            {"name": "keys", "secret": {"secretName": "app", "defaultMode": 256}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        ],
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app", "readOnly": True},
            {"name": "keys", "mountPath": "/etc/keys"},
            {"name": "scratch", "mountPath": "/tmp"},
            {"name": "data", "mountPath": "/data"},
        ],
    },
}


def built(worker: dict[str, Any], replicas: int | None = None) -> dict[str, Any]:
    spec = read_stored_queue({"worker": worker}).worker
    assert spec is not None
    return deployment(
        spec,
        namespace="media",
        queue="images",
        owner_uid=UID,
        gateway_url="tcp://taskjob-api.taskjob-system:8081",
        replicas=replicas,
    )


def variables(built: dict[str, Any]) -> dict[str, Any]:
    [container] = built["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


@pytest.mark.parametrize(
    ("name", "object_"),
    [
        ("smallest", built(SMALLEST, replicas=3)),
        ("full", built(FULL)),
        ("budget", disruption_budget(namespace="media", queue="images", owner_uid=UID, replicas=2)),
    ],
)
def test_an_object_is_as_it_was(name: str, object_: dict[str, Any]) -> None:
    """After a change on purpose: write what was built to the file of that name, and read the difference."""
    assert yaml.safe_load((GOLDEN / f"{name}.yaml").read_text()) == object_


@pytest.mark.parametrize("worker", [SMALLEST, FULL], ids=["smallest", "full"])
def test_every_pod_is_within_pod_security_restricted(worker: dict[str, Any]) -> None:
    pod = built(worker)["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert (
        pod["securityContext"].items() >= {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}.items()
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"}
    kinds = {kind for volume in pod["volumes"] for kind in volume if kind != "name"}
    assert kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "projected"}


@pytest.mark.parametrize("worker", [SMALLEST, FULL], ids=["smallest", "full"])
def test_the_only_token_of_a_pod_is_for_the_gateway(worker: dict[str, Any]) -> None:
    pod = built(worker)["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    projected = [volume["projected"]["sources"] for volume in pod["volumes"] if "projected" in volume]
    assert projected == [
        [{"serviceAccountToken": {"audience": "taskjob-worker", "expirationSeconds": 3600, "path": "token"}}]
    ]


def test_a_variable_of_the_operator_cannot_be_set_by_an_object_from_before_the_rule() -> None:
    old = WorkerSpec.model_construct(
        image="a",
        env=[
            EnvironmentVariable.model_construct(name="TASKJOB_GATEWAY", value="tcp://elsewhere:1"),
            EnvironmentVariable(name="MODE", value="fast"),
        ],
    )
    object_ = deployment(old, namespace="n", queue="q", owner_uid=UID, gateway_url="tcp://api:8081", replicas=None)

    assert variables(object_)["TASKJOB_GATEWAY"] == "tcp://api:8081"
    assert variables(object_)["MODE"] == "fast"


def test_labels_of_the_operator_win() -> None:
    object_ = built(FULL)
    labels = object_["spec"]["template"]["metadata"]["labels"]

    assert labels["app.kubernetes.io/name"] == "taskjob-worker"
    assert labels["team"] == "media"
    assert object_["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_pod_outlives_its_drain() -> None:
    object_ = built({**SMALLEST, "drainSeconds": 30})

    assert object_["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 45
    assert variables(object_)["TASKJOB_WORKER_DRAIN_SECONDS"] == "30"


def test_a_rollout_never_has_fewer_workers() -> None:
    strategy = built(SMALLEST)["spec"]["strategy"]

    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}


def test_replicas_are_a_field_of_their_own_once_the_deployment_exists() -> None:
    assert "replicas" not in built(SMALLEST)["spec"]
    assert built(SMALLEST, replicas=0)["spec"]["replicas"] == 0
    assert replicas_of("media", "taskqueue-images", 4)["spec"] == {"replicas": 4}


@pytest.mark.parametrize(("replicas", "has_budget"), [(0, False), (1, False), (2, True), (100, True)])
def test_one_worker_has_no_budget_that_would_hold_up_a_node(replicas: int, has_budget: bool) -> None:
    found = disruption_budget(namespace="media", queue="images", owner_uid=UID, replicas=replicas)

    assert (found is not None) == has_budget


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (None, "there is no ServiceAccount media-worker in media"),
        ({"metadata": {}}, "is not labelled for workers"),
        ({"metadata": {"labels": {"taskjob.dev/worker": "yes"}}}, "is not labelled for workers"),
        ({"metadata": {"labels": {"taskjob.dev/worker": "true"}}}, None),
    ],
)
def test_only_accounts_set_aside_for_workers_are_used(account: dict[str, Any] | None, words: str | None) -> None:
    said = refusal(account, "media-worker", "media")

    assert said is None if words is None else words in (said or "")
    if said is not None:
        assert "kubectl label serviceaccount media-worker -n media taskjob.dev/worker=true" in said
