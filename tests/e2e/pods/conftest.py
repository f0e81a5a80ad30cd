"""The chart installed for these tests alone, and TaskQueues whose workers are real pods."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kube_cluster import Cluster, command

ROOT = Path(__file__).parents[3]
TASKS = Path(__file__).parent / "pod_tasks.py"
PATIENCE = 90.0


@pytest.fixture(scope="package")
def installed(cluster: Cluster, images: tuple[str, str]) -> Iterator[str]:
    """The namespace that was opened to workers. Its operator serves no other."""
    repository, _, tag = images[0].rpartition(":")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}")
    with cluster.namespace() as system, cluster.namespace() as workers:
        small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
        values = {
            "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
            "crds": {"install": False},
            "workerNamespaces": [workers],
            "admissionPolicy": {"enabled": False},
            "rbac": {"aggregateToDefaultRoles": False},
            "operator": {"watchNamespaces": [workers], "resources": small},
            "api": {"resources": small},
            "store": {"persistence": {"enabled": False}},
        }
        document = "--values=/dev/stdin"
        release = f"pods-{system[-8:]}"
        try:
            _helm(cluster, json.dumps(values), "install", release, str(ROOT / "helm/taskjob"), "-n", system, document)
            yield workers
        finally:
            cluster.kubectl("delete", "taskqueues,taskjobs", "--all", "-n", workers)
            cluster.helm("uninstall", release, "-n", system)


def _helm(cluster: Cluster, values: str, *words: str) -> None:
    command(("helm", *words, "--wait", "--timeout=120s"), cluster.environment, text=values, seconds=150)


class Pools:
    """TaskQueues and TaskJobs of the one namespace, as a user handles them."""

    def __init__(self, cluster: Cluster, namespace: str, image: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.image = image
        tasks = {"pod_tasks.py": TASKS.read_text()}
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tasks"}, "data": tasks})

    def apply(self, *documents: dict[str, Any]) -> None:
        self.cluster.apply(*documents, namespace=self.namespace)

    def queue(self, name: str, *, replicas: int = 1, memory: str = "256Mi", **worker: Any) -> None:
        template = {
            "volumes": [{"name": "tasks", "configMap": {"name": "tasks"}}, *worker.pop("volumes", [])],
            "volumeMounts": [{"name": "tasks", "mountPath": "/tasks"}, *worker.pop("mounts", [])],
        }
        resources = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"memory": memory}}
        default = {"image": self.image, "imagePullPolicy": "IfNotPresent", "modules": ["/tasks/pod_tasks.py"]}
        spec = {"replicas": replicas, "worker": {"drainSeconds": 20, "resources": resources, **default, **worker}}
        spec["worker"]["template"] = template
        metadata = {"name": name}
        self.apply({"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "metadata": metadata, "spec": spec})

    def job(self, name: str, queue: str, task: str, payload: dict[str, Any] | None = None, **spec: Any) -> None:
        spec = {"queue": queue, "task": task, "payload": payload or {}, **spec}
        self.apply({"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskJob", "metadata": {"name": name}, "spec": spec})

    def status(self, kind: str, name: str) -> dict[str, Any]:
        return dict(self.cluster.get(kind, name, "-n", self.namespace).get("status") or {})

    def phase(self, name: str, *phases: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The job's status once it is in one of them."""
        return self.until(lambda: self.status("taskjobs", name), lambda found: found.get("phase") in phases, seconds)

    def reason(self, name: str, reason: str) -> dict[str, Any]:
        """The job's status once it says why it waits."""
        return self.until(lambda: self.status("taskjobs", name), lambda found: found.get("reason") == reason)

    def ready(self, queue: str, number: int) -> dict[str, Any]:
        def reached(status: dict[str, Any]) -> bool:
            return status.get("readyReplicas") == number and status.get("workers") == f"{number}/{number}"

        return self.until(lambda: self.status("taskqueues", queue), reached)

    def condition(self, queue: str, kind: str, status: str, reason: str) -> dict[str, Any]:
        def wanted(found: dict[str, Any]) -> dict[str, Any]:
            told = {each["type"]: each for each in found.get("conditions", ())}.get(kind, {})
            return told if (told.get("status"), told.get("reason")) == (status, reason) else {}

        return wanted(self.until(lambda: self.status("taskqueues", queue), lambda found: bool(wanted(found))))

    def until(
        self, look: Callable[[], dict[str, Any]], reached: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE
    ) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while not reached(found := look()):
            assert time.monotonic() < end, f"not reached in {seconds:g} s: {json.dumps(found)[:3000]}"
            time.sleep(0.2)
        return found

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl(*words, "-n", self.namespace)

    def kill_container(self, pod: str) -> None:
        """As the kernel does: its first process gets a SIGKILL from outside."""
        if not self.cluster.ours:
            pytest.skip("needs the engine that the nodes run on")
        found = self.cluster.get("pod", pod, "-n", self.namespace)
        container = found["status"]["containerStatuses"][0]["containerID"].partition("//")[2]
        node = found["spec"]["nodeName"]
        tasks = self.cluster.docker("exec", node, "ctr", "-n", "k8s.io", "task", "ls")
        [pid] = [line.split()[1] for line in tasks.splitlines() if line.split()[0] == container]
        self.cluster.docker("exec", node, "kill", "-9", pid)


@pytest.fixture(scope="package")
def pools(cluster: Cluster, installed: str, images: tuple[str, str]) -> Pools:
    return Pools(cluster, installed, images[0])
