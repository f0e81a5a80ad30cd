"""TaskQueues that a real operator serves, where two of them, or two operators, would be in each other's way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_operator import LiveOperator, eventually
from scripted_cluster import ScriptedCluster
from scripted_door import ScriptedDoor
from scripted_operator import scripted_operator

NS = "media"
DEPLOYMENT = {"replicas": 1, "selector": {"matchLabels": {"app": "mine"}}, "template": {"spec": {}}}


@pytest.fixture
def door() -> Iterator[ScriptedDoor]:
    with ScriptedDoor().running() as running:
        yield running


@pytest.fixture
def operator(cluster: ScriptedCluster, door: ScriptedDoor, tmp_path: Path) -> Iterator[LiveOperator]:
    """It serves one namespace."""
    with scripted_operator(cluster, tmp_path, door.url, WATCH_NAMESPACES=NS) as running:
        yield running


def referring(cluster: ScriptedCluster, name: str, replicas: int, **spec: Any) -> None:
    cluster.put("taskqueues", NS, name, spec={"deploymentRef": {"name": "mine"}, "replicas": replicas, **spec})


def condition(cluster: ScriptedCluster, name: str, kind: str) -> dict[str, Any]:
    found = (cluster.get("taskqueues", NS, name).get("status") or {}).get("conditions") or ()
    return next((each for each in found if each["type"] == kind), {})


def replicas(cluster: ScriptedCluster) -> int:
    return int(cluster.get("deployments", NS, "mine")["spec"]["replicas"])


@pytest.mark.usefixtures("operator")
def test_taskqueues_that_disagree_about_one_deployment_leave_it_alone(cluster: ScriptedCluster) -> None:
    cluster.put("deployments", NS, "mine", spec=DEPLOYMENT)
    referring(cluster, "first", 2)
    eventually(lambda: replicas(cluster) == 2, "scaled by the only one")
    referring(cluster, "watching", 9, autoscaling={"mode": "Disabled"})
    referring(cluster, "second", 3)

    eventually(lambda: condition(cluster, "second", "ScalingConflict"), "the second says so")
    eventually(lambda: condition(cluster, "first", "ScalingConflict"), "so does the first")

    assert "first (2)" in condition(cluster, "second", "ScalingConflict")["message"]
    assert "second (3)" in condition(cluster, "first", "ScalingConflict")["message"]
    assert "ScalingConflict" == condition(cluster, "first", "ScalingActive")["reason"]
    assert not condition(cluster, "watching", "ScalingConflict")
    assert 1 == cluster.calls.count("patch deployments/scale")


@pytest.mark.usefixtures("operator")
def test_taskqueues_that_agree_scale_one_deployment(cluster: ScriptedCluster) -> None:
    cluster.put("deployments", NS, "mine", spec=DEPLOYMENT)
    referring(cluster, "first", 1)
    referring(cluster, "second", 1)
    eventually(lambda: condition(cluster, "second", "ScalingActive").get("status") == "True", "it may scale")

    referring(cluster, "third", 1)
    eventually(lambda: condition(cluster, "third", "ScalingActive").get("status") == "True", "so may the next")
    assert 0 == cluster.calls.count("patch deployments/scale")


@pytest.mark.usefixtures("operator")
def test_a_taskqueue_does_not_scale_the_workers_of_another(cluster: ScriptedCluster) -> None:
    owner = {
        "apiVersion": "taskjob.dev/v1alpha1",
        "kind": "TaskQueue",
        "name": "images",
        "uid": "u",
        "controller": True,
    }
    cluster.put("deployments", NS, "mine", metadata={"ownerReferences": [owner]}, spec=DEPLOYMENT)

    referring(cluster, "second", 3)

    eventually(lambda: condition(cluster, "second", "ScalingConflict"), "it says so")
    assert "the workers of TaskQueue images" in condition(cluster, "second", "ScalingConflict")["message"]
    assert 1 == replicas(cluster)


@pytest.mark.parametrize("spec", [{}, {"deploymentRef": {"name": "mine"}}])
@pytest.mark.usefixtures("operator")
def test_workers_that_are_declared_no_more_are_drained(cluster: ScriptedCluster, spec: dict[str, Any]) -> None:
    cluster.put("deployments", NS, "mine", spec=DEPLOYMENT)
    for name, owner in (("images", "q-1"), ("mail", "another")):
        made_for = {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "name": name, "uid": owner}
        cluster.put(
            "deployments",
            NS,
            f"taskqueue-{name}",
            metadata={"ownerReferences": [made_for | {"controller": True}]},
            spec=DEPLOYMENT,
        )

    cluster.put("taskqueues", NS, "images", metadata={"uid": "q-1"}, spec=spec)
    cluster.put("taskqueues", NS, "mail", metadata={"uid": "q-2"}, spec=spec)

    eventually(lambda: cluster.get("deployments", NS, "taskqueue-images")["spec"]["replicas"] == 0, "they drain")
    eventually(lambda: condition(cluster, "mail", "Ready"), "the other was looked at")
    assert [1, 1] == [cluster.get("deployments", NS, name)["spec"]["replicas"] for name in ("taskqueue-mail", "mine")]


def test_a_taskqueue_of_a_namespace_that_is_not_served_is_left_alone(
    cluster: ScriptedCluster, door: ScriptedDoor, operator: LiveOperator
) -> None:
    """The api knows it from the time when all namespaces were served, or from another operator."""
    cluster.put("taskqueues", "elsewhere", "images", spec={"paused": True})
    door.managed = (("elsewhere", "images"), (NS, "gone"))

    cluster.break_watches("taskqueues", 410)

    eventually(lambda: ("gone", True) in {(one.name, one.deleted) for one in door.queues}, "what was missed is found")
    cluster.put("taskqueues", NS, "later", spec={})
    eventually(lambda: "later" in {one.name for one in door.queues}, "the next is told")
    assert {"gone", "later"} == {one.name for one in door.queues}
    assert "status" not in cluster.get("taskqueues", "elsewhere", "images")
    assert operator.process.poll() is None
