"""The cluster that the other end-to-end tests stand on: what they take for granted about it and about the images."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kube_cluster import Cluster, CommandFailed

RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(image: str, *args: str, **container: Any) -> dict[str, Any]:
    main = {"name": "main", "image": image, "args": list(args), "imagePullPolicy": "IfNotPresent"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {"restartPolicy": "Never", "containers": [{**main, **container}]},
    }


def run_to_the_end(cluster: Cluster, namespace: str, document: dict[str, Any]) -> str:
    cluster.apply(document, namespace=namespace)
    phase = "--for=jsonpath={.status.phase}=Succeeded"
    cluster.kubectl("wait", "pod/probe", phase, "--timeout=60s", f"--namespace={namespace}", seconds=70)
    return cluster.kubectl("logs", "probe", f"--namespace={namespace}")


def test_two_workers_can_take_pods(cluster: Cluster) -> None:
    """So that one can be lost."""
    nodes = cluster.get("nodes")["items"]

    free = [node for node in nodes if not node["spec"].get("taints")]
    assert 2 <= len(free)


@pytest.mark.parametrize("process", ["api", "worker"])
def test_the_image_runs_each_process_in_a_restricted_namespace_without_a_writable_root(
    cluster: Cluster, images: tuple[str, str], namespace: str, process: str
) -> None:
    said = run_to_the_end(cluster, namespace, pod(images[0], process, "--help", securityContext=RESTRICTED_CONTAINER))

    assert f"Usage: taskjob {process}" in said


def test_the_examples_image_has_the_tasks_and_their_pictures(
    cluster: Cluster, images: tuple[str, str], namespace: str
) -> None:
    script = "import json, os, tasks; print(json.dumps([os.getuid(), sorted(os.listdir(tasks.INPUT))]))"
    document = pod(images[1], "-c", script, command=["python"], securityContext=RESTRICTED_CONTAINER)

    assert [65532, ["broken", "photographs"]] == json.loads(run_to_the_end(cluster, namespace, document))


def test_a_namespace_of_a_test_refuses_a_pod_that_is_not_restricted(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(CommandFailed, match="violates PodSecurity"):
        cluster.apply(pod("taskjob:dev", "--help"), namespace=namespace)
