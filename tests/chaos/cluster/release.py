"""The chart installed for one run, with a queue whose workers are real pods, the recorder, and a reader of REST.

All of it lives in two restricted namespaces of its own, which go with it.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import recorder
from kube_cluster import Cluster, CommandFailed, command
from objects import QUEUE

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
WORKER_MEMORY = "256Mi"
SECURE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
AWAY = {
    # Where there is one, on the node that no fault takes away.
    "tolerations": [{"key": CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "preference": {"matchExpressions": [{"key": CONTROL_PLANE, "operator": "Exists"}]}}
            ]
        }
    },
}


@dataclass(frozen=True)
class Release:
    cluster: Cluster
    name: str
    system: str
    workers: str
    image: str
    replicas: int

    def queue(self, recorder_url: str, release: str) -> dict[str, Any]:
        """Another `release` is a rollout of its workers."""
        env = [{"name": "CHAOS_RECORDER", "value": recorder_url}, {"name": "RELEASE", "value": release}]
        worker = {
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "modules": ["/tasks/cluster_tasks.py"],
            "concurrency": 4,
            "drainSeconds": 10,
            "env": env,
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": WORKER_MEMORY}},
            "template": {
                "volumes": [{"name": "tasks", "configMap": {"name": "chaos-tasks"}}],
                "volumeMounts": [{"name": "tasks", "mountPath": "/tasks"}],
            },
        }
        spec = {"replicas": self.replicas, "limits": {"perConcurrencyKey": 1}, "worker": worker}
        return {"apiVersion": "taskjob.dev/v1alpha1", "kind": "TaskQueue", "metadata": {"name": QUEUE}, "spec": spec}

    @contextlib.contextmanager
    def rest(self) -> Iterator[httpx2.Client]:
        """The api as a person of this namespace reaches it. Not across a kill: the forwarding dies with the pod."""
        token = self.cluster.kubectl("create", "token", "judge", "-n", self.workers, "--audience=taskjob").strip()
        forward = ("port-forward", "-n", self.system, f"service/{self.name}-api", ":8080", "--address=127.0.0.1")
        process = self.cluster.start("kubectl", *forward)
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:\d+", said)
            if found is None:
                raise CommandFailed(f"kubectl port-forward: {said}")
            headers = {"Authorization": f"Bearer {token}"}
            with httpx2.Client(base_url=f"http://{found[0]}", headers=headers, timeout=30) as http:
                yield http
        finally:
            process.terminate()
            process.wait(timeout=10)

    def keep_logs(self, folder: Path) -> None:
        """What the processes that are there now, and those before them in the same pods, have written."""
        for namespace in (self.system, self.workers):
            for pod in self.cluster.get("pods", "-n", namespace)["items"]:
                name = pod["metadata"]["name"]
                for which in ("", "--previous"):
                    words = ["logs", name, "-n", namespace, *([which] if which else [])]
                    with contextlib.suppress(CommandFailed):
                        (folder / f"{name}{which}.log").write_text(self.cluster.kubectl(*words))


@contextlib.contextmanager
def installed(cluster: Cluster, image: str, *, operators: int, workers: int) -> Iterator[tuple[Release, str]]:
    """The release and the recorder's address."""
    repository, _, tag = image.rpartition(":")
    with _definitions(cluster), cluster.namespace() as system, cluster.namespace() as served:
        release = Release(cluster, f"chaos-{system[-8:]}", system, served, image, workers)
        values = {
            "fullnameOverride": release.name,
            "image": {"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"},
            "crds": {"install": False},
            "workerNamespaces": [served],
            "admissionPolicy": {"enabled": False},
            "rbac": {"aggregateToDefaultRoles": False},
            "operator": {"watchNamespaces": [served], "replicas": operators, "resources": SMALL},
            "api": {"resources": SMALL},
            "store": {"persistence": {"size": "1Gi"}},
        }
        try:
            words = ("helm", "install", release.name, str(ROOT / "helm/taskjob"), "-n", system, "--values=/dev/stdin")
            command((*words, "--wait", "--timeout=240s"), cluster.environment, text=json.dumps(values), seconds=270)
            url = _record(cluster, system, image)
            _open(release, url)
            yield release, url
        finally:
            cluster.kubectl("delete", "taskqueues,taskjobs", "--all", "-n", served, "--wait=false", seconds=180)
            cluster.helm("uninstall", release.name, "-n", system)


@contextlib.contextmanager
def _definitions(cluster: Cluster) -> Iterator[None]:
    """Those that the cluster has are left as they are; others go again, since a chart takes over nothing that another
    has made."""
    names = [f"crd/{plural}.taskjob.dev" for plural in ("taskjobs", "taskqueues")]
    present = bool(cluster.kubectl("get", *names, "--output=name", "--ignore-not-found").strip())
    if not present:
        cluster.kubectl("create", f"--filename={ROOT / 'crds'}")
        cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    try:
        yield
    finally:
        if not present:
            cluster.kubectl("delete", *names, "--timeout=120s", seconds=150)


def _record(cluster: Cluster, system: str, image: str) -> str:
    program = {"recorder.py": (HERE / "recorder.py").read_text()}
    container = {
        "name": "recorder",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "/program/recorder.py"],
        "securityContext": SECURE,
        "volumeMounts": [{"name": "program", "mountPath": "/program"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    volumes = [{"name": "program", "configMap": {"name": "recorder"}}, {"name": "tmp", "emptyDir": {}}]
    spec = {"containers": [container], "volumes": volumes, "automountServiceAccountToken": False, **AWAY}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "recorder"}, "data": program},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "recorder"}, "spec": spec},
        namespace=system,
    )
    cluster.kubectl("wait", "pod/recorder", "-n", system, "--for=condition=Ready", "--timeout=90s", seconds=100)
    address = cluster.get("pod", "recorder", "-n", system)["status"]["podIP"]
    return f"http://{address}:{recorder.PORT}/lines"


def _open(release: Release, url: str) -> None:
    """The queue and its tasks, a reader of REST, and workers that are ready."""
    tasks = {"cluster_tasks.py": (HERE / "cluster_tasks.py").read_text()}
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "judge", "namespace": release.workers}
    role = {"apiGroup": group, "kind": "Role", "name": "judge"}
    everything = {"apiGroups": ["taskjob.dev"], "resources": ["*"], "verbs": ["*"]}
    named = {"metadata": {"name": "judge"}}
    release.cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "chaos-tasks"}, "data": tasks},
        {"apiVersion": "v1", "kind": "ServiceAccount", **named},
        {"apiVersion": f"{group}/v1", "kind": "Role", **named, "rules": [everything]},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", **named, "roleRef": role, "subjects": [subject]},
        release.queue(url, "1"),
        namespace=release.workers,
    )
    ready = f"--for=jsonpath={{.status.readyReplicas}}={release.replicas}"
    release.cluster.kubectl("wait", f"taskqueues/{QUEUE}", "-n", release.workers, ready, "--timeout=180s", seconds=190)


def engine_of(cluster: Cluster) -> bool:
    """Whether the machine's engine runs the cluster's nodes, so that processes in them can be reached."""
    if not cluster.ours:
        return False
    try:
        cluster.docker("ps", "--quiet", seconds=20)
    except (CommandFailed, subprocess.SubprocessError, OSError):
        return False
    return True
