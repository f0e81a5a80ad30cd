"""What the benchmark asks the cluster for: a queue with warm workers, TaskJobs, and plain Jobs of the same image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMESPACE = "taskjob-bench"
QUEUE = "bench"
TASKJOBS = f"/apis/taskjob.dev/v1alpha1/namespaces/{NAMESPACE}/taskjobs"
TASKQUEUES = f"/apis/taskjob.dev/v1alpha1/namespaces/{NAMESPACE}/taskqueues"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


def tasks() -> dict[str, Any]:
    """The module of tasks, so that any image that holds TaskJob will do."""
    source = (Path(__file__).parent / "bench_tasks.py").read_text()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "bench-tasks", "namespace": NAMESPACE},
        "data": {"bench_tasks.py": source},
    }


def queue(image: str, *, replicas: int, concurrency: int) -> dict[str, Any]:
    template = {
        "volumes": [{"name": "tasks", "configMap": {"name": "bench-tasks"}}],
        "volumeMounts": [{"name": "tasks", "mountPath": "/bench", "readOnly": True}],
    }
    worker = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "concurrency": concurrency,
        "modules": ["/bench/bench_tasks.py"],
        "template": template,
    }
    return {
        "apiVersion": "taskjob.dev/v1alpha1",
        "kind": "TaskQueue",
        "metadata": {"name": QUEUE, "namespace": NAMESPACE},
        "spec": {"replicas": replicas, "worker": worker},
    }


def taskjob(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "taskjob.dev/v1alpha1",
        "kind": "TaskJob",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"queue": QUEUE, "task": "bench.noop", **spec},
    }


def job(name: str, image: str) -> dict[str, Any]:
    """The same no-op in a pod of its own, its image present on the node."""
    container = {
        "name": "noop",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", "pass"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
